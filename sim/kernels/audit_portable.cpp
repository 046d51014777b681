// The audit for every CPU.
#define PRECSIM_TARGET
#include "sim/kernels/audit_body.hpp"

namespace precsim::kernels {

constinit const AuditKernel audit_portable = audit_functions<PlainVectors<16>>;

}  // namespace precsim::kernels

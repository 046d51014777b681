// OpenBLAS, loaded at run time: it chooses its kernels when it is loaded, and knows only CPUs older than itself.
#include <cblas.h>
#include <dlfcn.h>
#include <fmt/format.h>
#include <omp.h>

#include <cmath>
#include <cstdlib>

#include "experiments/bench/peer_makers.hpp"
#include "experiments/bench/peers.hpp"
#include "formats/cpu_features.hpp"
#include "formats/error.hpp"

namespace precsim::bench {
namespace {

/// Its functions; the kernels are those of OPENBLAS_CORETYPE, or else the widest that this CPU can run.
struct Library {
  decltype(&cblas_sgemm) sgemm = nullptr;
  decltype(&openblas_set_num_threads) set_threads = nullptr;
  decltype(&openblas_get_parallel) parallel = nullptr;
  decltype(&openblas_get_config) config = nullptr;
  decltype(&openblas_get_corename) core = nullptr;

  Library() {
    const formats::CpuFeatures& cpu = formats::cpu_features();
    if (cpu.avx2 && cpu.fma) {
      setenv("OPENBLAS_CORETYPE", cpu.avx512 ? "SkylakeX" : "Haswell", 0);
    }
    void* const handle = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      throw UserError(fmt::format("OpenBLAS, a peer of this build, cannot be loaded: {}", dlerror()));
    }
    find(handle, "cblas_sgemm", sgemm);
    find(handle, "openblas_set_num_threads", set_threads);
    find(handle, "openblas_get_parallel", parallel);
    find(handle, "openblas_get_config", config);
    find(handle, "openblas_get_corename", core);
  }

 private:
  template <class Function>
  static void find(void* handle, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(handle, name));
    PRECSIM_CHECK(function != nullptr, name);
  }
};

const Library& library() {
  static const Library loaded;
  return loaded;
}

}  // namespace

std::string openblas_version() {
  return fmt::format("{}, kernels {}", library().config(), library().core());
}

std::optional<Contender> openblas_sgemm(const OperandsPtr& operands) {
  struct State {
    std::vector<float> right, result;
  };
  if (omp_get_max_threads() > 1 && library().parallel() != OPENBLAS_OPENMP) {
    return {};  // two pools of threads that spin take each other's cores
  }
  const kernels::ConvShape& shape = operands->shape;
  const auto state = std::make_shared<State>(
      State{columns_fastest(*operands), std::vector<float>(static_cast<std::size_t>(shape.output_size()), NAN)});
  Contender contender;
  contender.what.run = [operands, state, &blas = library(), m = static_cast<int>(shape.n),
                        n = static_cast<int>(shape.oc), k = static_cast<int>(shape.ic)] {
    blas.set_threads(omp_get_max_threads());
    blas.sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, operands->left_values.data(), k,
               state->right.data(), n, 0, state->result.data(), n);
  };
  contender.check = [operands, state] {
    return check_close(*operands, fp32_distance(*operands), [&](const Place& place) {
      return static_cast<double>(state->result[static_cast<std::size_t>(place.index)]);
    });
  };
  return contender;
}

}  // namespace precsim::bench

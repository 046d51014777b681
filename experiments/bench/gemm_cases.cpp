// Matrix products: packed beforehand, packed in the call, and FP32 beside them.
#include <fmt/format.h>

#include <utility>

#include "experiments/bench/ceiling.hpp"
#include "experiments/bench/peers.hpp"
#include "experiments/bench/products.hpp"
#include "sim/kernels/native/gemm.hpp"

namespace precsim::bench {
namespace {

namespace native = kernels::native;
using kernels::Pass;

constexpr std::int64_t usual_chain = 64;

struct Shape {
  std::string_view name;
  std::int64_t m, n, k;
  bool full_only = false;
};
constexpr Shape shapes[] = {
    {"square/256", 256, 256, 256},
    {"square/512", 512, 512, 512},
    {"square/1024", 1024, 1024, 1024},
    {"square/2048", 2048, 2048, 2048},
    {"square/4096", 4096, 4096, 4096, true},
    {"ragged/1000x999x513", 1000, 999, 513},
    {"ragged/17x33x65", 17, 33, 65},
    {"ragged/4099x31x255", 4099, 31, 255},
    {"tiny/1", 1, 1, 1},
    {"tiny/8", 8, 8, 8},
    {"tiny/16", 16, 16, 16},
    {"tiny/32", 32, 32, 32},
    {"resnet50/s2_1x1_256_64", 50176, 64, 256},
    {"resnet50/s2_3x3_64", 50176, 64, 576},
    {"resnet50/s2_1x1_64_256", 50176, 256, 64},
    {"resnet50/s3_1x1_512_128", 12544, 128, 512},
    {"resnet50/s3_3x3_128", 12544, 128, 1152},
    {"resnet50/s3_1x1_128_512", 12544, 512, 128},
    {"resnet50/s4_1x1_1024_256", 3136, 256, 1024},
    {"resnet50/s4_3x3_256", 3136, 256, 2304},
    {"resnet50/s4_1x1_256_1024", 3136, 1024, 256},
    {"resnet50/s5_1x1_2048_512", 784, 512, 2048},
    {"resnet50/s5_3x3_512", 784, 512, 4608},
    {"resnet50/s5_1x1_512_2048", 784, 2048, 512},
};

/// Other chains than the usual one, at 1024 cubed.
struct Chain {
  std::string_view name;
  std::int64_t length;
  bool full_only = false;
};
constexpr Chain chains[] = {
    {"16", 16, true}, {"32", 32}, {"128", 128}, {"512", 512, true}, {"inf", arith::chain_to_end, true},
};
constexpr std::int64_t chain_size = 1024;

/// The operands of one kind, packed; their memory is kept from one packing to the next.
struct Packed {
  native::PackedRows rows;
  native::PackedColumns columns;

  template <class T>
  void pack(const native::NativeKernel& kernel, const kernels::ConvShape& shape, const std::vector<T>& left,
            const std::vector<T>& right) {
    rows.pack(kernel, left.data(), shape.n, shape.ic, shape.ic);
    columns.pack(kernel, right.data(), shape.oc, shape.ic, shape.ic);
  }
  void pack(const native::NativeKernel& kernel, const Operands& operands, bool integer) {
    if (integer) {
      pack(kernel, operands.shape, operands.left_codes, operands.right_codes);
    } else {
      pack(kernel, operands.shape, operands.left_values, operands.right_values);
    }
  }
};

/// `inside`: packing belongs to what is timed.
Contender product(std::string name, const OperandsPtr& operands, bool integer, bool inside, std::int64_t chain,
                  const Setup& setup) {
  const auto run = std::make_shared<ProductRun>(operands, integer, integer_accumulators(chain));
  const native::NativeKernel& kernel = *setup.kernel.native;
  const native::Semantics semantics{chain, arith::OverflowRule::wrap, 2 * Operands::exponent};
  const KernelCeilings& ceilings = ceilings_of(setup.kernel);
  Contender contender;
  contender.what = {std::move(name), run->macs(), {}};
  const auto packed = std::make_shared<Packed>();
  if (!inside) {
    packed->pack(kernel, *operands, integer);
  }
  contender.what.run = [run, &kernel, semantics, packed, inside] {
    if (inside) {
      packed->pack(kernel, *run->operands, run->integer);
    }
    native::gemm(kernel, packed->rows, packed->columns, semantics, run->result.data());
  };
  contender.ceiling = register_ceiling(integer ? ceilings.integer : ceilings.floating);
  contender.check = [run] { return run->check(); };
  return contender;
}

OperandsPtr operands_of(std::int64_t m, std::int64_t n, std::int64_t k) {
  return normal_operands(kernels::ConvShape::gemm(m, n, k), Pass::forward);
}

std::vector<Contender> prepare_shape(const Shape& shape, const Setup& setup) {
  const OperandsPtr operands = operands_of(shape.m, shape.n, shape.k);
  std::vector<Contender> contenders;
  contenders.push_back(product("int16 packed", operands, true, false, usual_chain, setup));
  contenders.push_back(product("int16", operands, true, true, usual_chain, setup));
  contenders.push_back(product("fp32 packed", operands, false, false, usual_chain, setup));
  contenders.push_back(product("fp32", operands, false, true, usual_chain, setup));
  for (Contender& peer : peer_contenders(operands, false, "int16 packed", "fp32 packed", setup)) {
    contenders.push_back(std::move(peer));
  }
  return contenders;
}

}  // namespace

std::vector<Case> gemm_cases() {
  std::vector<Case> cases;
  for (const Shape& shape : shapes) {
    cases.push_back({fmt::format("gemm/{}", shape.name), Unit::macs, shape.full_only, {}, [&shape](const Setup& setup) {
                       return prepare_shape(shape, setup);
                     }});
  }
  for (const Chain& chain : chains) {
    cases.push_back(
        {fmt::format("gemm/chain/{}", chain.name), Unit::macs, chain.full_only, {}, [&chain](const Setup& setup) {
           const OperandsPtr operands = operands_of(chain_size, chain_size, chain_size);
           return std::vector{product("int16 packed", operands, true, false, chain.length, setup)};
         }});
  }
  cases.push_back({"gemm/chain/auto", Unit::macs, false, {}, [](const Setup& setup) {
                     return std::vector{proved_product(operands_of(chain_size, chain_size, chain_size), setup)};
                   }});
  return cases;
}

}  // namespace precsim::bench

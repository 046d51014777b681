// oneDNN.
#include <fmt/format.h>

#include <cmath>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "experiments/bench/peer_makers.hpp"
#include "experiments/bench/peers.hpp"

namespace precsim::bench {
namespace {

using dnnl::memory;
using kernels::Pass;
using Type = memory::data_type;
using Tag = memory::format_tag;

/// A product to repeat, and its result in the library's layout.
struct Convolution {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::primitive primitive;
  std::unordered_map<int, memory> arguments;
  memory result;
};

/// Sizes in the library's order of indices.
struct Sizes {
  memory::dims source, weights, output, strides, padding;

  explicit Sizes(const kernels::ConvShape& s)
      : source{s.n, s.ic, s.h, s.w},
        weights{s.oc, s.ic, s.kh, s.kw},
        output{s.n, s.oc, s.out_h(), s.out_w()},
        strides{s.stride, s.stride},
        padding{s.pad, s.pad} {}
};

memory::desc any(const memory::dims& sizes, Type type) {
  return {sizes, type, Tag::any};
}

/// The numbers, in this program's layout `tag`, in the layout and type that the library asks for.
memory reordered(Convolution& convolution, const std::vector<float>& values, const memory::dims& sizes, Tag tag,
                 const memory::desc& wanted) {
  memory from({sizes, Type::f32, tag}, convolution.engine, const_cast<float*>(values.data()));
  memory to(wanted, convolution.engine);
  dnnl::reorder(from, to).execute(convolution.stream, from, to);
  convolution.stream.wait();
  return to;
}

/// Places of the operands: channels last, weights as (oc, kh, kw, ic).
constexpr Tag tensor_tag = Tag::nhwc, weight_tag = Tag::ohwi;

void set_up(Convolution& c, const Operands& operands, Type type) {
  constexpr auto direct = dnnl::algorithm::convolution_direct;
  const Sizes sizes(operands.shape);
  const auto left = [&](const memory::dims& of, const memory::desc& wanted) {
    return reordered(c, operands.left_values, of, tensor_tag, wanted);
  };
  const dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, direct, any(sizes.source, type), any(sizes.weights, type),
       any(sizes.output, type), sizes.strides, sizes.padding, sizes.padding},
      c.engine);
  if (operands.pass == Pass::forward) {
    c.result = memory(forward.dst_desc(), c.engine);
    c.arguments = {
        {DNNL_ARG_SRC, left(sizes.source, forward.src_desc())},
        {DNNL_ARG_WEIGHTS, reordered(c, operands.right_values, sizes.weights, weight_tag, forward.weights_desc())},
        {DNNL_ARG_DST, c.result}};
    c.primitive = dnnl::convolution_forward(forward);
  } else if (operands.pass == Pass::input_gradient) {
    const dnnl::convolution_backward_data::primitive_desc backward(
        {direct, any(sizes.source, type), any(sizes.weights, type), any(sizes.output, type), sizes.strides,
         sizes.padding, sizes.padding},
        c.engine, forward);
    c.result = memory(backward.diff_src_desc(), c.engine);
    c.arguments = {
        {DNNL_ARG_DIFF_DST, left(sizes.output, backward.diff_dst_desc())},
        {DNNL_ARG_WEIGHTS, reordered(c, operands.right_values, sizes.weights, weight_tag, backward.weights_desc())},
        {DNNL_ARG_DIFF_SRC, c.result}};
    c.primitive = dnnl::convolution_backward_data(backward);
  } else {
    const dnnl::convolution_backward_weights::primitive_desc backward(
        {direct, any(sizes.source, type), any(sizes.weights, Type::f32), any(sizes.output, type), sizes.strides,
         sizes.padding, sizes.padding},
        c.engine, forward);
    c.result = memory(backward.diff_weights_desc(), c.engine);
    c.arguments = {{DNNL_ARG_DIFF_DST, left(sizes.output, backward.diff_dst_desc())},
                   {DNNL_ARG_SRC, reordered(c, operands.right_values, sizes.source, tensor_tag, backward.src_desc())},
                   {DNNL_ARG_DIFF_WEIGHTS, c.result}};
    c.primitive = dnnl::convolution_backward_weights(backward);
  }
}

/// The result in this program's layout.
std::vector<float> result_values(Convolution& c, const Operands& operands) {
  const Sizes sizes(operands.shape);
  const bool weights = operands.pass == Pass::weight_gradient;
  const memory::dims& of = weights                                 ? sizes.weights
                           : operands.pass == Pass::input_gradient ? sizes.source
                                                                   : sizes.output;
  memory plain({of, Type::f32, weights ? weight_tag : tensor_tag}, c.engine);
  dnnl::reorder(c.result, plain).execute(c.stream, c.result, plain);
  c.stream.wait();
  const auto* const values = static_cast<const float*>(plain.get_data_handle());
  return {values, values + plain.get_desc().get_size() / sizeof(float)};
}

/// `relative`: how far results may lie from the sums in double.
std::optional<Contender> convolution(const OperandsPtr& operands, Type type, double relative) {
  if (operands->shape.groups != 1) {
    return {};
  }
  const auto state = std::make_shared<Convolution>();
  try {
    set_up(*state, *operands, type);
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_unimplemented) {
      return {};
    }
    throw;
  }
  Contender contender;
  contender.what.run = [state] {
    state->primitive.execute(state->stream, state->arguments);
    state->stream.wait();
  };
  contender.check = [operands, state, relative] {
    const std::vector<float> values = result_values(*state, *operands);
    return check_close(*operands, relative, [&](const Place& place) {
      return static_cast<double>(values[static_cast<std::size_t>(place.index)]);
    });
  };
  return contender;
}

}  // namespace

std::string onednn_version() {
  const dnnl_version_t& version = *dnnl_version();
  return fmt::format("oneDNN {}.{}.{}, ISA {:#x}", version.major, version.minor, version.patch,
                     static_cast<unsigned>(dnnl_get_effective_cpu_isa()));
}

std::optional<Contender> onednn_convolution_fp32(const OperandsPtr& operands) {
  return convolution(operands, Type::f32, fp32_distance(*operands));
}

std::optional<Contender> onednn_convolution_bf16(const OperandsPtr& operands) {
  constexpr double bf16_distance = 0x1p-7;
  return convolution(operands, Type::bf16, bf16_distance);
}

std::optional<Contender> onednn_sgemm(const OperandsPtr& operands) {
  struct State {
    std::vector<float> right, result;
  };
  const kernels::ConvShape& shape = operands->shape;
  const auto state = std::make_shared<State>(
      State{columns_fastest(*operands), std::vector<float>(static_cast<std::size_t>(shape.output_size()), NAN)});
  Contender contender;
  contender.what.run = [operands, state, m = shape.n, n = shape.oc, k = shape.ic] {
    dnnl_sgemm('N', 'N', m, n, k, 1, operands->left_values.data(), k, state->right.data(), n, 0, state->result.data(),
               n);
  };
  contender.check = [operands, state] {
    return check_close(*operands, fp32_distance(*operands), [&](const Place& place) {
      return static_cast<double>(state->result[static_cast<std::size_t>(place.index)]);
    });
  };
  return contender;
}

}  // namespace precsim::bench

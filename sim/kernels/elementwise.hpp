// Element-wise arithmetic of layers and optimizers on FP32 arrays, and sums over pixels: one row of functions per
// instruction set.
#pragma once

#include <cstdint>

namespace precsim::kernels {

/// Whole pixels: the values of one lie side by side, those of the next `distance` values further.
struct PixelRun {
  std::int64_t pixels = 0;
  std::int64_t channels = 0;
  std::int64_t distance = channels;
};

/// The constants of batch normalization, [channel] each; the mean values are those of g and of g * xhat over the batch.
struct BatchNormTerms {
  const float *mean, *inv_std, *scale, *mean_gradient, *mean_product;
};

/// `numbers` where the mask, which is the result of `rectify` as codes of a fixed-point format or in FP32, is positive,
/// else +0; without a mask all of them.
struct MaskedNumbers {
  const float* numbers = nullptr;
  const std::int16_t* codes = nullptr;
  const float* values = nullptr;
};

/// Partial sums and extremes by channel, continued: begin with +0, +infinity and -infinity.
struct StatisticsPartials {
  float *sums, *squares, *min, *max;
};

/// Pixels side by side in the result, each formed from a rectangle of places ("taps") in an operand with as many
/// channels; all distances are in elements. Taps are visited row by row, and each has a number, its place.
struct WindowRun {
  std::int64_t pixels = 0, channels = 0;
  std::int64_t distance = 0;                           ///< from one pixel to the next in the result
  std::int64_t advance = 0;                            ///< from the taps of one pixel to those of the next
  std::int64_t rows = 0, columns = 0;                  ///< of taps
  std::int64_t row_distance = 0, column_distance = 0;  ///< between taps
  std::int32_t place = 0;                              ///< of the first tap
  std::int32_t row_places = 0, column_places = 0;      ///< from one to the next
};

/// Local response normalization over `size` (odd) channels, as sim/nn/lrn.hpp writes it down.
struct LrnRule {
  std::int64_t size = 5;
  float alpha = 1e-4f, k = 1;

  std::int64_t scratch(std::int64_t channels) const { return 4 * channels + size - 1; }
};

/// SGD by PyTorch's convention (numerics 6). Momentum 0 keeps no velocity.
struct SgdRule {
  float loss_scale = 1, weight_decay = 0, momentum = 0, lr = 0;
  bool nesterov = false;
};

/// Largest magnitudes; infinite or NaN where there is such a number.
struct SgdExtent {
  float gradient = 0;  ///< of g, which weight decay has joined
  float weights = 0;   ///< after the update
};

/// Every operation is one FP32 rounding in the order written, and all rows give the same bits for finite operands.
/// Results may replace any operand of the same shape.
struct ElementwiseKernel {
  /// y = x * scale[c] + shift[c].
  void (*affine)(const PixelRun&, const float* x, const float* scale, const float* shift, float* y);
  /// x = x * factor.
  void (*scale)(const PixelRun&, float factor, float* x);
  /// x = x + bias[c].
  void (*add_bias)(const PixelRun&, const float* bias, float* x);
  /// dx = scale[c] * ((g - mean_gradient[c]) - xhat * mean_product[c]), xhat = (x - mean[c]) * inv_std[c].
  void (*batch_norm_gradient)(const PixelRun&, const BatchNormTerms&, const float* x, const MaskedNumbers& g,
                              float* dx);

  /// y = x > 0 ? x : +0.
  void (*rectify)(std::int64_t count, const float* x, float* y);
  /// y = a + b.
  void (*add)(std::int64_t count, const float* a, const float* b, float* y);
  /// y = x.
  void (*mask)(std::int64_t count, const MaskedNumbers& x, float* y);

  /// y = the largest tap, the first one of that size; winner = its place. A NaN wins only at the first tap. At least
  /// one tap. Results replace no operand.
  void (*window_maximum)(const WindowRun&, const float* x, float* y, std::uint8_t* winners);
  /// y = +0 + tap + tap + ...; likewise.
  void (*window_sum)(const WindowRun&, const float* x, float* y);
  /// dx = +0 + dy + dy + ... of the taps whose winner is their place; likewise.
  void (*winner_sum)(const WindowRun&, const float* dy, const std::uint8_t* winners, float* dx);

  /// `scratch`: room for rule.scratch(channels) numbers.
  void (*lrn)(const LrnRule& rule, const PixelRun&, const float* x, float* scratch, float* y);
  void (*lrn_gradient)(const LrnRule& rule, const PixelRun&, const float* x, const float* dy, float* scratch,
                       float* dx);

  // Sums: pixel after pixel of each channel by itself, from the sums given.
  /// sums[c] = sums[c] + x.
  void (*sum)(const PixelRun&, const float* x, float* sums);
  /// Squares are rounded before they are added; NaN is left out of min and max.
  void (*statistics)(const PixelRun&, const float* x, const StatisticsPartials&);
  /// sums[c] = sums[c] + g, products[c] = products[c] + g * xhat, largest[c] = max(largest[c], |g|) without NaN; reads
  /// mean and inv_std of the terms.
  void (*gradient_sums)(const PixelRun&, const BatchNormTerms&, const float* x, const MaskedNumbers& g, float* sums,
                        float* products, float* largest);
  /// The largest magnitude, +0 of nothing; infinite or NaN where there is such a number.
  float (*absmax)(const PixelRun&, const float* x);

  /// g = gradient / loss_scale (+ weight_decay * w unless that is 0); velocity = momentum * velocity + g;
  /// w = w - lr * (nesterov ? g + momentum * velocity : velocity); without momentum w = w - lr * g, and velocity may be
  /// null. It writes whatever it finds: whoever must leave weights alone where a gradient is not finite asks before. As
  /// roundings are monotonic, all of g is finite where absmax(gradient) / loss_scale + weight_decay * absmax(w) is.
  SgdExtent (*sgd)(const SgdRule&, std::int64_t count, const float* gradient, float* velocity, float* weights);
};

namespace elementwise {
#if defined(__x86_64__)
extern const ElementwiseKernel avx512, avx2;
#endif
extern const ElementwiseKernel portable;
}  // namespace elementwise

}  // namespace precsim::kernels

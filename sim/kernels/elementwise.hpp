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

/// Partial sums and extremes by channel, continued: begin with +0, +infinity and -infinity.
struct StatisticsPartials {
  float *sums, *squares, *min, *max;
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
  void (*batch_norm_gradient)(const PixelRun&, const BatchNormTerms&, const float* x, const float* g, float* dx);

  /// y = x > 0 ? x : +0.
  void (*rectify)(std::int64_t count, const float* x, float* y);
  /// y = a + b.
  void (*add)(std::int64_t count, const float* a, const float* b, float* y);
  /// dx = y > 0 ? g : +0, y the stored result of `rectify` as codes of a dynamic or other fixed-point format.
  void (*mask_by_codes)(std::int64_t count, const std::int16_t* y, const float* g, float* dx);
  /// The same, y in FP32.
  void (*mask_by_values)(std::int64_t count, const float* y, const float* g, float* dx);

  /// One place of a window after another, counted by `tap` from 0: y = x and winner = 0 at the first, then y = x and
  /// winner = tap where x > y. So the first maximum wins, and a NaN only at the first place.
  void (*raise_maximum)(std::int64_t count, const float* x, std::uint8_t tap, float* y, std::uint8_t* winners);
  /// dx = dx + dy where winner == tap; elsewhere untouched.
  void (*add_to_winners)(std::int64_t count, const std::uint8_t* winners, std::uint8_t tap, const float* dy, float* dx);

  // Sums: pixel after pixel of each channel by itself, from the sums given.
  /// sums[c] = sums[c] + x.
  void (*sum)(const PixelRun&, const float* x, float* sums);
  /// Squares are rounded before they are added; NaN is left out of min and max.
  void (*statistics)(const PixelRun&, const float* x, const StatisticsPartials&);
  /// sums[c] = sums[c] + g, products[c] = products[c] + g * xhat, largest[c] = max(largest[c], |g|) without NaN; reads
  /// mean and inv_std of the terms.
  void (*gradient_sums)(const PixelRun&, const BatchNormTerms&, const float* x, const float* g, float* sums,
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

// Elementary functions in double whose bits are the same with every compiler and C library.
#pragma once

namespace precsim::formats {

/// Built only from IEEE +, -, *, /, sqrt, fma and exact scaling, in a fixed order: libm's results differ
/// between machines and even between constant folding and run time. Within 1 ulp of the true value unless
/// stated (not correctly rounded); specials (NaN, infinities, signed zeros, domain edges) as in C Annex F.
double exp(double x);
double log(double x);
double log10(double x);
/// Sine and cosine, radians, |x| <= 2^20 (larger arguments raise CheckError).
double sin(double x);
double cos(double x);
double tanh(double x);
/// x^y for x > 0, or x = 0 with y > 0; within 2 ulp.
double pow(double x, double y);

}  // namespace precsim::formats

// MNIST (LeCun, Cortes, Burges) and what shares its files' names and shape.
#pragma once

#include "sim/data/dataset.hpp"

namespace precsim::data {

/// Both splits from the four standard files in options.path, each plain or with .gz (the plain one if both are
/// there): 28 x 28 gray, labels 0..9, read as (pixel / 255 - 0.1307) / 0.3081, mean and standard deviation of the
/// training pixels. Every label is checked, also beyond the sizes asked for.
Splits open_mnist(const DatasetOptions& options);

}  // namespace precsim::data

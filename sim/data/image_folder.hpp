// imagefolder: JPEG and PNG files, a folder per class.
#pragma once

#include "sim/data/dataset.hpp"

namespace precsim::data {

/// options.path holds the folders `train` and `val`, each with a folder per class, the same names in both. Classes are
/// numbered by name (bytes compared). The images of a class are the files in its folder whose names end in .jpg, .jpeg
/// or .png in any case, by name; files of other names are left alone, folders refused. A split has the first images of
/// all classes, class by class, then the second ones, and so on, so that the first ones are of all classes.
///
/// Images have options.image_size S pixels a side, from decode_picture() and resample(). Training: the part that
/// ResizedCropFlip chooses (seed options.run_seed, tensor_id("imagefolder/train")), scaled to S x S. Evaluation, and
/// training with options.augment false: scaled to a shorter side of R = floor(S * 256 / 224 + 1/2) and a longer one of
/// floor(R * longer / shorter), then the S x S pixels from floor(rest / 2 + 1/2) on, per axis. Values v are read as
/// (v / 255 - mean) / deviation, FP32, with means 0.485, 0.456, 0.406 and deviations 0.229, 0.224, 0.225.
///
/// An image that cannot be read or decoded raises UserError; with options.replace_corrupt, the next image of the split
/// that can be decoded (after the last comes the first) is read in its place, with its label and its draws.
///
/// checksum() is over height, width, channels, classes and size, the class names, then for each image its label, name
/// and size in bytes; with options.checksum_content also its bytes, which are then all read when the set is opened.
Splits open_image_folder(const DatasetOptions& options);

}  // namespace precsim::data

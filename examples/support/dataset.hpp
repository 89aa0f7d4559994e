// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "text.hpp"

#include <algorithm>  // std::max, std::min
#include <cmath>      // std::isfinite, std::sqrt
#include <cstddef>    // std::ptrdiff_t, std::size_t
#include <cstdint>    // std::int64_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <string>     // std::string
#include <vector>     // std::vector

namespace prunus_examples {

/// Labelled images of one size.
struct dataset {
  std::string name = {};
  std::ptrdiff_t channels = 0;
  std::ptrdiff_t height = 0;
  std::ptrdiff_t width = 0;
  std::ptrdiff_t classes = 0;
  std::vector<float> images = {};  ///< [N, C, H, W], row-major; pixels in [0, 1] until normalised
  std::vector<int> labels = {};    ///< [N], 0 .. classes - 1

  [[nodiscard]] std::ptrdiff_t size() const noexcept {
    return static_cast<std::ptrdiff_t>(labels.size());
  }
  /// Numbers in one image.
  [[nodiscard]] std::ptrdiff_t pixels() const noexcept { return channels * height * width; }

  /// One image, [C, H, W]; `index` in 0 .. size() - 1.
  [[nodiscard]] std::span<const float> image(std::ptrdiff_t index) const {
    const auto length = static_cast<std::size_t>(pixels());
    return std::span(images).subspan(static_cast<std::size_t>(index) * length, length);
  }
};

/// What to learn from and what to be tested on.
struct data_split {
  dataset train = {};
  dataset test = {};
};

/// How many images to use at most, counted from the first.
struct data_limit {
  static constexpr std::ptrdiff_t all = std::numeric_limits<std::ptrdiff_t>::max();
  std::ptrdiff_t train = all;
  std::ptrdiff_t test = all;
};

/// Mean and standard deviation of each channel.
struct channel_statistics {
  std::vector<float> mean = {};
  std::vector<float> deviation = {};
};

/// Computes them over all pixels of all images; a constant channel gets the deviation 1.
/// @throws prunus::argument_error empty_model: no image
[[nodiscard]] inline channel_statistics measure_channels(const dataset& data) {
  if (data.size() == 0) {
    throw prunus::argument_error(prunus::errc::empty_model,
                                 joined("measure_channels: ", data.name, " has no images"));
  }
  channel_statistics result;
  const std::ptrdiff_t plane = data.height * data.width;
  for (std::ptrdiff_t channel = 0; channel < data.channels; ++channel) {
    double sum = 0;
    double squares = 0;
    for (std::ptrdiff_t i = 0; i < data.size(); ++i) {
      const auto pixels = data.image(i).subspan(static_cast<std::size_t>(channel * plane),
                                                static_cast<std::size_t>(plane));
      for (const float pixel : pixels) {
        const auto value = static_cast<double>(pixel);
        sum += value;
        squares += value * value;
      }
    }
    const double count = static_cast<double>(data.size()) * static_cast<double>(plane);
    const double mean = sum / count;
    const double variance = std::max(squares / count - mean * mean, 0.0);
    result.mean.push_back(static_cast<float>(mean));
    result.deviation.push_back(variance > 1e-12 ? static_cast<float>(std::sqrt(variance)) : 1.0F);
  }
  return result;
}

namespace detail {

/// @throws prunus::file_error malformed: a label that is no class
inline void check_label(const std::string& path, std::ptrdiff_t index, std::int64_t label,
                        std::ptrdiff_t classes) {
  if (label >= 0 && label < classes) return;
  throw prunus::file_error(prunus::errc::malformed,
                           joined(path, ": labels from 0 to ", classes - 1, " were expected, item ",
                                  index, " has ", label, "; is it a file of this set?"));
}

}  // namespace detail

/// Replaces each pixel by (pixel - mean) / deviation of its channel.
/// @throws prunus::shape_error shape_mismatch: not one mean and one deviation a channel
/// @throws prunus::argument_error out_of_range: a deviation that is not positive and finite
/// Nothing is changed when it throws.
inline void normalise(dataset& data, const channel_statistics& statistics) {
  const auto channels = static_cast<std::size_t>(data.channels);
  if (statistics.mean.size() != channels || statistics.deviation.size() != channels) {
    throw prunus::shape_error(
        prunus::errc::shape_mismatch,
        joined("normalise: ", channels, " means and deviations were expected, got ",
               statistics.mean.size(), " and ", statistics.deviation.size()));
  }
  for (const float deviation : statistics.deviation) {
    if (!(std::isfinite(deviation) && deviation > 0)) {
      throw prunus::argument_error(
          prunus::errc::out_of_range,
          joined("normalise: deviations must be positive, got ", deviation));
    }
  }
  const auto plane = static_cast<std::size_t>(data.height * data.width);
  for (std::size_t first = 0; first < data.images.size(); first += plane) {
    const std::size_t channel = first / plane % channels;
    const float mean = statistics.mean[channel];
    const float scale = 1 / statistics.deviation[channel];
    for (float& pixel : std::span(data.images).subspan(first, plane))
      pixel = (pixel - mean) * scale;
  }
}

}  // namespace prunus_examples

// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "counter_random.hpp"
#include "png.hpp"
#include "text.hpp"

#include <algorithm>  // std::clamp, std::max_element
#include <array>      // std::array
#include <cmath>      // std::floor
#include <cstddef>    // std::ptrdiff_t, std::size_t
#include <cstdint>    // std::uint8_t, std::uint64_t
#include <span>       // std::span
#include <string>     // std::string
#include <vector>     // std::vector

namespace prunus_examples {

/// Images in which every pixel has a label.
struct segmentation_set {
  std::string name = {};
  std::ptrdiff_t channels = 0, height = 0, width = 0, classes = 0;
  std::vector<float> images = {};  ///< [N, C, H, W]
  std::vector<int> labels = {};    ///< [N, H, W]

  [[nodiscard]] std::ptrdiff_t pixels() const noexcept { return height * width; }
  [[nodiscard]] std::ptrdiff_t size() const noexcept {
    return static_cast<std::ptrdiff_t>(labels.size()) / pixels();
  }
  [[nodiscard]] std::span<const float> image(std::ptrdiff_t index) const {
    const auto length = static_cast<std::size_t>(channels * pixels());
    return std::span(images).subspan(static_cast<std::size_t>(index) * length, length);
  }
  [[nodiscard]] std::span<const int> labels_of(std::ptrdiff_t index) const {
    const auto length = static_cast<std::size_t>(pixels());
    return std::span(labels).subspan(static_cast<std::size_t>(index) * length, length);
  }
};

/// Drawn images of metal that rusts: 0 metal, 1 surface rust, 2 deep corrosion.
namespace corrosion {

inline constexpr int classes = 3;
/// The labels as people expect to see them.
inline constexpr std::array<rgb, classes> colours{{{176, 190, 204}, {230, 159, 0}, {122, 40, 18}}};

/// Smooth noise in [0, 1]: random numbers on a lattice, blended in between.
class smooth_noise {
 public:
  smooth_noise(std::uint64_t seed, double period) : seed_(seed), period_(period) {}
  [[nodiscard]] double operator()(double x, double y) const {
    const double column = std::floor(x / period_), row = std::floor(y / period_);
    const double right = blend(x / period_ - column), down = blend(y / period_ - row);
    const auto corner = [&](double dx, double dy) {
      const auto place = static_cast<std::uint64_t>((row + dy + 64) * 4096 + column + dx + 64);
      return counter_random(seed_, place).uniform();
    };
    return (corner(0, 0) * (1 - right) + corner(1, 0) * right) * (1 - down) +
           (corner(0, 1) * (1 - right) + corner(1, 1) * right) * down;
  }

 private:
  [[nodiscard]] static double blend(double t) noexcept { return t * t * (3 - 2 * t); }
  std::uint64_t seed_;
  double period_;
};

/// Draws one image of `side` x `side` and its labels. Rust creeps from a few places, so its edges
/// are ragged; light, brushed metal, dirt and grain make the colours overlap.
inline void draw(std::uint64_t seed, int side, std::span<float> image, std::span<int> labels) {
  counter_random random(seed, 0);
  const smooth_noise large(random.bits(), 11), middle(random.bits(), 5), fine(random.bits(), 2.2),
      brushed(random.bits(), 1.7), dirt(random.bits(), 9);
  const double surface = random.uniform(0.5, 0.68), deep = surface + random.uniform(0.06, 0.14);
  const double light = random.uniform(0.7, 1.15), slope = random.uniform(-0.3, 0.3);
  const double warmth = random.uniform(-0.04, 0.1);
  const std::size_t plane = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const double field = 0.55 * large(x, y) + 0.3 * middle(x, y) + 0.15 * fine(x, y);
      const int label = field < surface ? 0 : field < deep ? 1 : 2;
      const double grain = fine(x + 0.7, y + 0.3) - 0.5;
      const double stain = 0.35 * std::max(dirt(x, y) - 0.62, 0.0);
      std::array<double, 3> colour{};
      if (label == 0) {
        const double grey = 0.6 + 0.16 * (brushed(0.15 * x, 2.0 * y) - 0.5) - stain;
        colour = {grey + warmth, grey, grey - warmth};
      } else if (label == 1) {
        colour = {0.66 + 0.25 * grain, 0.43 + 0.2 * grain, 0.22 + 0.1 * grain};
      } else {
        colour = {0.42 + 0.35 * grain, 0.25 + 0.2 * grain, 0.17 + 0.15 * grain};
      }
      const double lit = light * (1 + slope * (x - 0.5 * side) / side);
      const std::size_t at = static_cast<std::size_t>(y) * static_cast<std::size_t>(side) +
                             static_cast<std::size_t>(x);
      for (std::size_t c = 0; c < 3; ++c)
        image[c * plane + at] =
            static_cast<float>(std::clamp(lit * colour[c] + 0.07 * random.bell(), 0.0, 1.0));
      labels[at] = label;
    }
}

/// So many images, the same for the same seed.
/// @throws prunus::argument_error out_of_range: fewer than one image, a side below 8
[[nodiscard]] inline segmentation_set draw_set(std::ptrdiff_t count, int side, std::uint64_t seed) {
  if (count < 1 || side < 8)
    throw prunus::argument_error(
        prunus::errc::out_of_range,
        joined("corrosion: at least 1 image of at least 8 pixels a side was expected, got ", count,
               " of ", side));
  segmentation_set set{
      .name = "corrosion", .channels = 3, .height = side, .width = side, .classes = classes};
  const auto pixels = static_cast<std::size_t>(set.pixels()),
             images = static_cast<std::size_t>(count);
  set.images.resize(images * 3 * pixels);
  set.labels.resize(images * pixels);
  for (std::size_t i = 0; i < images; ++i)
    draw(seed * 1000003 + i, side, std::span(set.images).subspan(i * 3 * pixels, 3 * pixels),
         std::span(set.labels).subspan(i * pixels, pixels));
  return set;
}

}  // namespace corrosion

/// How well predicted classes of pixels cover the true ones: intersection over union.
struct overlap {
  double per_image = 0;  ///< of all pixels and classes of an image together, mean over the images
  double per_class = 0;  ///< of a class over all images, mean over the classes that occur
  double pixels = 0;     ///< share of pixels that are right
};

/// @shape predicted, truth: [images, pixels]
/// @throws prunus::shape_error shape_mismatch
[[nodiscard]] inline overlap measure_overlap(std::span<const int> predicted,
                                             std::span<const int> truth, std::ptrdiff_t pixels,
                                             int classes) {
  const auto plane = static_cast<std::size_t>(pixels);
  if (predicted.size() != truth.size() || truth.empty() || truth.size() % plane != 0)
    throw prunus::shape_error(prunus::errc::shape_mismatch,
                              joined("measure_overlap: ", predicted.size(), " and ", truth.size(),
                                     " labels of images of ", pixels, " pixels"));
  const std::size_t images = truth.size() / plane;
  const auto size = static_cast<std::size_t>(classes);
  std::vector<double> both(size), either(size);
  overlap result;
  for (std::size_t n = 0; n < images; ++n) {
    double right = 0;
    for (std::size_t i = n * plane; i < (n + 1) * plane; ++i) {
      const auto p = static_cast<std::size_t>(predicted[i]), t = static_cast<std::size_t>(truth[i]);
      right += p == t;
      both[t] += p == t;
      ++either[t];
      if (p != t) ++either[p];
    }
    result.pixels += right / static_cast<double>(truth.size());
    const double all = static_cast<double>(plane);
    result.per_image += right / (2 * all - right) / static_cast<double>(images);
  }
  double occurring = 0;
  for (std::size_t k = 0; k < size; ++k)
    if (either[k] > 0) {
      result.per_class += both[k] / either[k];
      ++occurring;
    }
  result.per_class /= occurring;
  return result;
}

}  // namespace prunus_examples

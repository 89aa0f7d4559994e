// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "corrosion.hpp"
#include "counter_random.hpp"
#include "text.hpp"

#include <algorithm>  // std::clamp, std::min
#include <array>      // std::array
#include <cmath>      // std::abs, std::floor, std::round, std::sqrt
#include <cstddef>    // std::ptrdiff_t, std::size_t
#include <cstdint>    // std::uint64_t
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus_examples {

/// Frames of a camera, and what is at each place: labels at a quarter of the resolution.
struct video {
  std::ptrdiff_t height = 0, width = 0;
  std::vector<float> frames = {};  ///< [N, 3, H, W], 0 to 1
  std::vector<int> labels = {};    ///< [N, H/4, W/4]: 0 background, 1 object

  [[nodiscard]] std::ptrdiff_t pixels() const noexcept { return height * width; }
  [[nodiscard]] std::ptrdiff_t places() const noexcept { return pixels() / 16; }
  [[nodiscard]] std::ptrdiff_t size() const noexcept {
    return static_cast<std::ptrdiff_t>(labels.size()) / places();
  }
  [[nodiscard]] std::span<const float> frame(std::ptrdiff_t n) const {
    const auto length = static_cast<std::size_t>(3 * pixels());
    return std::span(frames).subspan(static_cast<std::size_t>(n) * length, length);
  }
  [[nodiscard]] std::span<const int> labels_of(std::ptrdiff_t n) const {
    const auto length = static_cast<std::size_t>(places());
    return std::span(labels).subspan(static_cast<std::size_t>(n) * length, length);
  }
};

/// What a fixed camera looks at: a textured yard that things cross, some of which stop for a while.
struct surveillance_options {
  int height = 96, width = 144;  ///< multiples of 4
  int objects = 4;
  double noise = 0.01;       ///< deviation of the sensor, per colour and frame
  double drift = 0.08;       ///< by how much the light grows and fades
  double period = 240;       ///< of the light, frames
  std::uint64_t camera = 1;  ///< another one looks at another yard
};

namespace detail {

/// A thing that crosses the yard.
class moving_object {
 public:
  moving_object(counter_random& random, const surveillance_options& scene)
      : x_(random.uniform(0, scene.width)),
        y_(random.uniform(0, scene.height)),
        speed_x_(random.uniform(-1.2, 1.2)),
        speed_y_(random.uniform(-0.8, 0.8)),
        radius_(random.uniform(4, 8)),
        form_(random.below(3)) {
    const double shade =
        random.chance(0.5) ? random.uniform(0.78, 0.92) : random.uniform(0.06, 0.2);
    for (double& part : colour_) part = shade + random.uniform(-0.06, 0.06);
  }

  void move(counter_random& random, const surveillance_options& scene) {
    if (random.chance(0.01)) rest_ = 10 + random.below(30);
    if (rest_ > 0) {
      --rest_;
      return;
    }
    x_ += speed_x_;
    y_ += speed_y_;
    if (x_ < 0 || x_ > scene.width) speed_x_ = x_ < 0 ? std::abs(speed_x_) : -std::abs(speed_x_);
    if (y_ < 0 || y_ > scene.height) speed_y_ = y_ < 0 ? std::abs(speed_y_) : -std::abs(speed_y_);
  }

  /// How much of the pixel at (x, y) it covers, 0 to 1.
  [[nodiscard]] double covers(double x, double y) const {
    const double right = std::abs(x - x_), down = y - y_;
    double inside = 0;  // distance to the edge
    if (form_ == 0)
      inside = radius_ - std::sqrt(right * right + down * down);
    else if (form_ == 1)
      inside = std::min(1.2 * radius_ - right, 0.7 * radius_ - std::abs(down));
    else
      inside = std::min(0.7 * radius_ - down, 0.45 * (down + 1.3 * radius_ - 2 * right));
    return std::clamp(inside + 0.5, 0.0, 1.0);
  }
  [[nodiscard]] const std::array<double, 3>& colour() const noexcept { return colour_; }

 private:
  double x_, y_, speed_x_, speed_y_, radius_;
  int form_, rest_ = 0;
  std::array<double, 3> colour_{};
};

/// Ground with slabs, the same for the same camera: [3, H, W].
[[nodiscard]] inline std::vector<double> empty_yard(const surveillance_options& scene) {
  counter_random random(scene.camera, 7);
  const corrosion::smooth_noise large(random.bits(), 17), fine(random.bits(), 2.5);
  std::vector<double> yard;
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < scene.height; ++y)
      for (int x = 0; x < scene.width; ++x) {
        const double joint = x % 16 == 0 || y % 12 == 0 ? -0.08 : 0;
        yard.push_back(0.47 + 0.22 * (large(x, y) - 0.5) + 0.12 * (fine(x, y) - 0.5) + joint -
                       0.03 * c);
      }
  return yard;
}

}  // namespace detail

/// So many frames, each the `every`-th that the camera sees; the same for the same seed.
/// @throws prunus::argument_error out_of_range: no frame, sides that are no multiples of 4
[[nodiscard]] inline video film_surveillance(std::ptrdiff_t frames, std::uint64_t seed,
                                             const surveillance_options& scene = {},
                                             int every = 1) {
  if (frames < 1 || every < 1 || scene.height < 4 || scene.width < 4 || scene.height % 4 != 0 ||
      scene.width % 4 != 0)
    throw prunus::argument_error(
        prunus::errc::out_of_range,
        joined(
            "film_surveillance: at least 1 frame with sides of multiples of 4 was expected, got ",
            frames, " of ", scene.height, " x ", scene.width));
  video film{.height = scene.height, .width = scene.width};
  film.frames.reserve(static_cast<std::size_t>(frames * 3 * film.pixels()));
  const std::vector<double> yard = detail::empty_yard(scene);
  counter_random random(seed, 0);
  std::vector<detail::moving_object> objects;
  for (int i = 0; i < scene.objects; ++i) objects.emplace_back(random, scene);
  const double start = random.uniform();  // of the light
  const auto plane = static_cast<std::size_t>(film.pixels());
  const auto columns = static_cast<std::size_t>(film.width);
  for (std::ptrdiff_t n = 0; n < frames; ++n) {
    for (int step = 0; step < every; ++step)
      for (detail::moving_object& one : objects) one.move(random, scene);
    const double phase = start + static_cast<double>(n * every) / scene.period;
    const double light = 1 + scene.drift * (4 * std::abs(phase - std::floor(phase) - 0.5) - 1);
    std::vector<double> colours = yard, covered(plane / 16);
    for (std::size_t at = 0; at < plane; ++at) {
      double visible = 1;  // of the ground
      for (const detail::moving_object& one : objects) {
        const double cover = one.covers(static_cast<double>(at % columns) + 0.5,
                                        static_cast<double>(at / columns) + 0.5);
        visible *= 1 - cover;
        for (std::size_t c = 0; cover > 0 && c < 3; ++c)
          colours[c * plane + at] += cover * (one.colour()[c] - colours[c * plane + at]);
      }
      covered[at / columns / 4 * (columns / 4) + at % columns / 4] += (1 - visible) / 16;
    }
    for (const double colour : colours) {  // eight bits, as a camera delivers them
      const double seen = std::clamp(light * colour + scene.noise * random.bell(), 0.0, 1.0);
      film.frames.push_back(static_cast<float>(std::round(255 * seen) / 255));
    }
    for (const double share : covered) film.labels.push_back(share >= 0.5);
  }
  return film;
}

/// Several short films one after the other, each with objects of its own.
/// @throws as `film_surveillance`; prunus::argument_error out_of_range: no film
[[nodiscard]] inline video film_surveillances(std::ptrdiff_t films, std::ptrdiff_t frames,
                                              std::uint64_t seed,
                                              const surveillance_options& scene = {},
                                              int every = 1) {
  if (films < 1)
    throw prunus::argument_error(
        prunus::errc::out_of_range,
        joined("film_surveillances: at least 1 film was expected, got ", films));
  video all{.height = scene.height, .width = scene.width};
  for (std::ptrdiff_t i = 0; i < films; ++i) {
    const video one =
        film_surveillance(frames, seed * 1000003 + static_cast<std::uint64_t>(i), scene, every);
    all.frames.insert(all.frames.end(), one.frames.begin(), one.frames.end());
    all.labels.insert(all.labels.end(), one.labels.begin(), one.labels.end());
  }
  return all;
}

}  // namespace prunus_examples

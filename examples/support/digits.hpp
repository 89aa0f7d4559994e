// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>

#include "canvas.hpp"
#include "counter_random.hpp"
#include "dataset.hpp"
#include "digit_forms.hpp"
#include "text.hpp"

#include <algorithm>  // std::clamp
#include <array>      // std::array
#include <cmath>      // std::floor
#include <cstddef>    // std::ptrdiff_t, std::size_t
#include <cstdint>    // std::uint64_t
#include <span>       // std::span
#include <utility>    // std::swap

namespace prunus_examples {

/// How the built-in digits are drawn.
struct digit_options {
  std::uint64_t seed = 1;
  /// Scales the distortion, the noise and the clutter, in [0, 2]: at 0 every form is upright and
  /// clean; at 1 some are hard to read.
  double difficulty = 1;
};

inline constexpr std::ptrdiff_t digit_side = 28;

namespace detail {

using digit_canvas = canvas<static_cast<int>(digit_side)>;

/// Moves points smoothly: random shifts on a coarse grid, blended in between.
class elastic_field {
 public:
  elastic_field(counter_random& random, double amplitude) {
    for (point& shift : shifts_) {
      shift = {amplitude * random.bell(), amplitude * random.bell()};
    }
  }

  /// @param at in the box of the digit, a little beyond it too
  [[nodiscard]] point moved(point at) const {
    const double x = std::clamp((at.x + 0.1) / 1.2, 0.0, 0.999) * (knots - 1);
    const double y = std::clamp((at.y + 0.1) / 1.2, 0.0, 0.999) * (knots - 1);
    const auto column = static_cast<std::size_t>(x);
    const auto row = static_cast<std::size_t>(y);
    const double u = blend(x - static_cast<double>(column));
    const double v = blend(y - static_cast<double>(row));
    const point* const above = &shifts_[row * knots + column];
    const point* const below = above + knots;
    return {at.x + mix(mix(above[0].x, above[1].x, u), mix(below[0].x, below[1].x, u), v),
            at.y + mix(mix(above[0].y, above[1].y, u), mix(below[0].y, below[1].y, u), v)};
  }

 private:
  static constexpr std::size_t knots = 4;
  [[nodiscard]] static double blend(double t) { return t * t * (3 - 2 * t); }
  [[nodiscard]] static double mix(double a, double b, double t) { return a + (b - a) * t; }

  std::array<point, knots * knots> shifts_;
};

/// From the box of the digit to pixels: aspect, slant, turn, size and place.
class handwriting {
 public:
  handwriting(counter_random& random, double difficulty) : elastic_(random, 0.055 * difficulty) {
    const double size = 18.5 * (1 + 0.14 * difficulty * random.uniform(-1, 1));
    const double aspect = 1 + 0.25 * difficulty * random.uniform(-1, 1);
    const double slant = difficulty * (0.08 + 0.16 * random.bell());
    const double turn = std::clamp(0.14 * difficulty * random.bell(), -0.6, 0.6);
    const double sine = turn * (1 - turn * turn / 6);
    const double cosine = 1 - turn * turn / 2;
    xx_ = size * aspect * cosine;
    xy_ = size * (-slant * cosine - sine);
    yx_ = size * aspect * sine;
    yy_ = size * (-slant * sine + cosine);
    const double middle = (static_cast<double>(digit_side) - 1) / 2;
    centre_ = {middle + 1.5 * difficulty * random.uniform(-1, 1),
               middle + 1.5 * difficulty * random.uniform(-1, 1)};
  }

  [[nodiscard]] point to_pixels(point at) const {
    const point moved = elastic_.moved(at);
    const double x = moved.x - 0.5;
    const double y = moved.y - 0.5;
    return {centre_.x + xx_ * x + xy_ * y, centre_.y + yx_ * x + yy_ * y};
  }

 private:
  elastic_field elastic_;
  double xx_ = 1;
  double xy_ = 0;
  double yx_ = 0;
  double yy_ = 1;
  point centre_;
};

/// A point of the curve through b and c, a before and d after them (Catmull and Rom 1974,
/// doi 10.1016/B978-0-12-079050-0.50020-5), t from 0 at b to 1 at c.
[[nodiscard]] inline point on_curve(point a, point b, point c, point d, double t) {
  const auto along = [t](double before, double from, double to, double after) {
    const double first = to - before;
    const double second = 2 * before - 5 * from + 4 * to - after;
    const double third = 3 * (from - to) + after - before;
    return from + 0.5 * t * (first + t * (second + t * third));
  };
  return {along(a.x, b.x, c.x, d.x), along(a.y, b.y, c.y, d.y)};
}

/// The pen presses differently along its way.
struct pen {
  double radius = 1.2;
  double change = 0;  // from the start of a stroke to its end
};

inline void write_stroke(digit_canvas& canvas, const stroke& points, const handwriting& hand,
                         const pen& pen) {
  constexpr int pieces = 4;  // a piece is about two pixels long
  const std::size_t last = points.size() - 1;
  point from = hand.to_pixels(points[0]);
  double from_radius = pen.radius;
  for (std::size_t i = 0; i < last; ++i) {
    const point& before = points[i == 0 ? 0 : i - 1];
    const point& after = points[i + 2 > last ? last : i + 2];
    for (int piece = 1; piece <= pieces; ++piece) {
      const double t = static_cast<double>(piece) / pieces;
      const point to = hand.to_pixels(on_curve(before, points[i], points[i + 1], after, t));
      const double way = (static_cast<double>(i) + t) / static_cast<double>(last);
      const double to_radius = pen.radius + pen.change * way;
      canvas.line(from, to, from_radius, to_radius);
      from = to;
      from_radius = to_radius;
    }
  }
}

/// Pieces of neighbouring writing, and spots where the ink is gone.
inline void clutter(digit_canvas& canvas, counter_random& random, double difficulty) {
  constexpr auto side = static_cast<double>(digit_side);
  if (random.chance(0.25 * difficulty)) {
    const point from{random.uniform(0, side), random.uniform(0, side)};
    const point to{from.x + random.uniform(-8, 8), from.y + random.uniform(-8, 8)};
    const double radius = random.uniform(0.4, 1.1);
    canvas.line(from, to, radius, radius);
  }
  if (random.chance(0.25 * difficulty)) {
    const point centre{random.uniform(7, side - 7), random.uniform(6, side - 6)};
    const double radius = random.uniform(1.5, 3.5);
    canvas.erase(centre, radius);
  }
}

/// Each ten images in a row show each digit once, in random order.
[[nodiscard]] inline int digit_at(std::uint64_t index, std::uint64_t seed) {
  std::array<int, 10> order{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  counter_random random(seed, 2 * (index / 10));
  for (int i = 9; i > 0; --i) {
    std::swap(order[static_cast<std::size_t>(i)],
              order[static_cast<std::size_t>(random.below(i + 1))]);
  }
  return order[index % 10];
}

inline void check_digit_options(const digit_options& options) {
  if (options.difficulty >= 0 && options.difficulty <= 2) return;
  throw prunus::argument_error(
      prunus::errc::out_of_range,
      joined("draw_digit: difficulty must lie in [0, 2], got ", options.difficulty));
}

}  // namespace detail

/// Draws one digit as if written by hand: 28 x 28 pixels in [0, 1], ink is bright, in 256 levels.
///
/// One of several ways to write the digit, each a few curves, is bent, slanted, turned, sized and
/// moved at random, drawn with a pen of random width and darkness, cluttered and covered with
/// noise. Image `index` depends on the options and on nothing else: not on how many are drawn, in
/// which order, or on which thread. Ten images in a row from a multiple of ten show all ten digits.
///
/// @param image [28, 28], row-major, overwritten
/// @return the digit, 0 .. 9
/// @throws prunus::argument_error out_of_range, prunus::shape_error shape_mismatch
inline int draw_digit(std::uint64_t index, std::span<float> image,
                      const digit_options& options = {}) {
  detail::check_digit_options(options);
  if (image.size() != static_cast<std::size_t>(digit_side * digit_side)) {
    throw prunus::shape_error(
        prunus::errc::shape_mismatch,
        joined("draw_digit: an image of 784 pixels was expected, got ", image.size()));
  }
  const double difficulty = options.difficulty;
  const int digit = detail::digit_at(index, options.seed);
  counter_random random(options.seed, 2 * index + 1);
  const auto forms = detail::forms_of(digit);
  const auto& form = forms[static_cast<std::size_t>(random.below(static_cast<int>(forms.size())))];
  const detail::handwriting hand(random, difficulty);
  const detail::pen pen{.radius = 1.25 + 0.45 * random.uniform(-1, 1),
                        .change = 0.5 * random.uniform(-1, 1)};
  detail::digit_canvas canvas;
  for (const detail::stroke& stroke : form.strokes) write_stroke(canvas, stroke, hand, pen);
  detail::clutter(canvas, random, difficulty);

  const double ink = 1 - 0.45 * difficulty / 2 * random.uniform();
  const double noise = 0.09 * difficulty * random.uniform();
  std::size_t next = 0;
  for (int row = 0; row < detail::digit_canvas::side; ++row) {
    for (int column = 0; column < detail::digit_canvas::side; ++column) {
      const double value = ink * canvas(row, column) + noise * random.bell();
      image[next++] =
          static_cast<float>(std::floor(255 * std::clamp(value, 0.0, 1.0) + 0.5)) / 255.0F;
    }
  }
  return digit;
}

/// Draws a set of digits, image 0 to count - 1.
/// @throws prunus::argument_error out_of_range: a negative count, a difficulty outside [0, 2]
[[nodiscard]] inline dataset draw_digits(std::ptrdiff_t count, const digit_options& options = {}) {
  if (count < 0) {
    throw prunus::argument_error(
        prunus::errc::out_of_range,
        joined("draw_digits: the count must not be negative, got ", count));
  }
  constexpr std::size_t pixels = digit_side * digit_side;
  dataset data{.name = "digits",
               .channels = 1,
               .height = digit_side,
               .width = digit_side,
               .classes = 10,
               .images = std::vector<float>(static_cast<std::size_t>(count) * pixels),
               .labels = std::vector<int>(static_cast<std::size_t>(count))};
  for (std::size_t i = 0; i < data.labels.size(); ++i) {
    data.labels[i] = draw_digit(i, std::span(data.images).subspan(i * pixels, pixels), options);
  }
  return data;
}

/// Draws a set to learn from and one to be tested on, with no image in common.
/// @throws as draw_digits
[[nodiscard]] inline data_split draw_digit_split(std::ptrdiff_t train, std::ptrdiff_t test,
                                                 const digit_options& options = {}) {
  digit_options unseen = options;
  unseen.seed = ~options.seed;
  return {draw_digits(train, options), draw_digits(test, unseen)};
}

}  // namespace prunus_examples

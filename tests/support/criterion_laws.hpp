// SPDX-License-Identifier: MIT
#pragma once

// What every criterion must keep. A new criterion calls check_criterion_laws once for each scalar
// it is made for.

#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/criteria/criterion.hpp>

#include "support/catch.hpp"
#include "support/owned_weight.hpp"
#include "support/random_source.hpp"

#include <cmath>   // std::isfinite, std::abs
#include <limits>  // std::numeric_limits
#include <string>  // std::string
#include <vector>  // std::vector

namespace support {

/// What the scores do when all weights are multiplied by c.
enum class scale_law {
  proportional,  ///< multiplied by |c|
  quadratic,     ///< multiplied by c^2
  unchanged,     ///< the same
  undeclared     ///< anything
};

/// What a criterion declares about itself.
struct criterion_declaration {
  scale_law scale = scale_law::proportional;
  bool reads_values = true;  ///< false: the scores follow from names and numbers of tiles alone
  bool reads_gradient = false;
};

/// Two scores that may differ by rounding only, of sums of a few hundred terms.
template <class T>
[[nodiscard]] bool nearly(T a, T b, T magnitude = 0) {
  const T scale = std::max({std::abs(a), std::abs(b), magnitude});
  return std::abs(a - b) <= 64 * std::numeric_limits<T>::epsilon() * scale;
}

/// A weight and a gradient of one shape and memory order, filled alike for every order.
template <class S>
struct criterion_subject {
  shape4 shape;
  owned_weight<S> weight, gradient;

  criterion_subject(std::string_view letters, const shape4& extents, std::uint64_t seed)
      : shape(extents), weight(letters, extents), gradient(letters, extents) {
    random_source random(seed);
    for_each_position(shape, [&](Index o, Index i, Index h, Index w) {
      weight.view()(o, i, h, w) = S(static_cast<float>(random.between(-64, 64)) / 16);
      gradient.view()(o, i, h, w) = S(static_cast<float>(random.between(-64, 64)) / 32);
    });
  }
  [[nodiscard]] prunus::parameter<S> parameter(std::string name = "subject.weight") {
    return {std::move(name), weight.view(), {.gradient = gradient.view()}};
  }
};

template <class S, class Criterion>
[[nodiscard]] std::vector<prunus::score_of<S>> scores_of(const Criterion& criterion,
                                                         const prunus::parameter<S>& p,
                                                         const prunus::tile& shape) {
  const prunus::tile_grid grid(p.weight, shape);
  // Scores are to be written, not added to: what stood there before must not matter.
  std::vector<prunus::score_of<S>> scores(static_cast<std::size_t>(grid.size()), 77);
  criterion.score(p, grid, std::span<prunus::score_of<S>>(scores));
  return scores;
}

template <class S, class Criterion>
void check_scores_are_finite_repeatable_and_pure(const Criterion& criterion) {
  for (const prunus::tile& shape : tiles_to_try()) {
    criterion_subject<S> subject("OIHW", {5, 4, 3, 3}, 1);
    const auto values = subject.weight.values;
    const auto gradients = subject.gradient.values;
    const auto first = scores_of(criterion, subject.parameter(), shape);
    const auto second = scores_of(criterion, subject.parameter(), shape);
    bool finite = true;
    for (auto score : first) finite = finite && std::isfinite(score);
    CAPTURE(shape.out, shape.in, shape.height, shape.width);
    REQUIRE(finite);
    REQUIRE(first == second);
    REQUIRE(subject.weight.values == values);
    REQUIRE(subject.gradient.values == gradients);
  }
}

/// The same tensor in another memory order scores every tile the same, ragged tiles included.
template <class S, class Criterion>
void check_scores_do_not_depend_on_the_layout(const Criterion& criterion) {
  const shape4 shape{5, 4, 3, 2};
  for (const prunus::tile& tile : tiles_to_try()) {
    criterion_subject<S> usual("OIHW", shape, 2);
    const auto expected = scores_of(criterion, usual.parameter(), tile);
    const naive_grid usual_grid(usual.weight.view(), tile);
    for (std::string_view order : memory_orders) {
      criterion_subject<S> other(order, shape, 2);
      const auto scores = scores_of(criterion, other.parameter(), tile);
      const naive_grid grid(other.weight.view(), tile);
      bool same = scores.size() == expected.size();
      for_each_position(shape, [&](Index o, Index i, Index h, Index w) {
        same = same && nearly(scores[static_cast<std::size_t>(grid.at(o, i, h, w))],
                              expected[static_cast<std::size_t>(usual_grid.at(o, i, h, w))]);
      });
      CAPTURE(order, tile.out, tile.in, tile.height, tile.width);
      REQUIRE(same);
    }
  }
}

/// Filters in another order have their scores in that order.
template <class S, class Criterion>
void check_scores_follow_the_filters(const Criterion& criterion) {
  const shape4 shape{6, 3, 2, 2};
  random_source random(3);
  for (std::string_view layout : {"OIHW", "HWIO"}) {
    criterion_subject<S> subject(layout, shape, 3), shuffled(layout, shape, 3);
    const std::vector<Index> from = random.permutation(shape.out);
    for_each_position(shape, [&](Index o, Index i, Index h, Index w) {
      const Index source = from[static_cast<std::size_t>(o)];
      shuffled.weight.view()(o, i, h, w) = subject.weight.view()(source, i, h, w);
      shuffled.gradient.view()(o, i, h, w) = subject.gradient.view()(source, i, h, w);
    });
    const auto scores = scores_of(criterion, subject.parameter(), prunus::filter);
    const auto moved = scores_of(criterion, shuffled.parameter(), prunus::filter);
    for (std::size_t o = 0; o < moved.size(); ++o)
      REQUIRE(nearly(moved[o], scores[static_cast<std::size_t>(from[o])]));
  }
}

/// Equal tiles score the same to the bit wherever they lie, or the order among ties would be
/// chance.
template <class S, class Criterion>
void check_equal_tiles_score_equal(const Criterion& criterion) {
  for (Index inputs : {1, 5, 19})
    for (std::string_view layout : {"OIHW", "HWIO", "OHWI"}) {
      const shape4 shape{21, inputs, 1, 3};
      criterion_subject<S> subject(layout, shape, 6);
      for_each_position(shape, [&](Index o, Index i, Index h, Index w) {
        subject.weight.view()(o, i, h, w) = subject.weight.view()(0, i, h, w);
        subject.gradient.view()(o, i, h, w) = subject.gradient.view()(0, i, h, w);
      });
      const auto scores = scores_of(criterion, subject.parameter(), prunus::filter);
      CAPTURE(layout, inputs);
      for (auto score : scores) REQUIRE(score == scores.front());
    }
}

template <class S, class Criterion>
void check_scores_scale_as_declared(const Criterion& criterion, scale_law law) {
  if (law == scale_law::undeclared) return;
  criterion_subject<S> subject("OIHW", {5, 4, 2, 2}, 4), scaled("OIHW", {5, 4, 2, 2}, 4);
  const float factor = -4;  // exact in every scalar
  for (S& value : scaled.weight.values) value = S(static_cast<float>(value) * factor);
  const auto expected_factor = static_cast<prunus::score_of<S>>(law == scale_law::proportional ? 4
                                                                : law == scale_law::quadratic  ? 16
                                                                                               : 1);
  for (const prunus::tile& tile : {prunus::element, prunus::filter, prunus::block(2, 3)}) {
    const auto scores = scores_of(criterion, subject.parameter(), tile);
    const auto after = scores_of(criterion, scaled.parameter(), tile);
    for (std::size_t t = 0; t < scores.size(); ++t)
      REQUIRE(nearly(after[t], expected_factor * scores[t]));
  }
}

/// NaN in a weight makes the score of its own tile not finite, so that selection refuses it, and of
/// no other tile.
template <class S, class Criterion>
void check_nan_is_not_hidden(const Criterion& criterion, bool of_gradient) {
  const shape4 shape{4, 3, 2, 2};
  for (const prunus::tile& tile : tiles_to_try())
    for (std::string_view order : {"OIHW", "HWIO"}) {
      criterion_subject<S> subject(order, shape, 5);
      owned_weight<S>& owner = of_gradient ? subject.gradient : subject.weight;
      owner.view()(2, 1, 1, 0) = S(std::numeric_limits<float>::quiet_NaN());
      const auto scores = scores_of(criterion, subject.parameter(), tile);
      const Index hit = naive_grid(subject.weight.view(), tile).at(2, 1, 1, 0);
      CAPTURE(order, tile.out, tile.in, tile.height, tile.width);
      for (std::size_t t = 0; t < scores.size(); ++t)
        REQUIRE(std::isfinite(scores[t]) == (static_cast<Index>(t) != hit));
    }
}

/// All laws for weights of scalar S.
template <class S, class Criterion>
void check_criterion_laws(const Criterion& criterion, criterion_declaration says = {}) {
  STATIC_REQUIRE(prunus::criterion<Criterion, S>);
  STATIC_REQUIRE(std::is_copy_constructible_v<Criterion>);
  check_scores_are_finite_repeatable_and_pure<S>(criterion);
  if (says.reads_values) {
    check_scores_do_not_depend_on_the_layout<S>(criterion);
    check_scores_follow_the_filters<S>(criterion);
    check_equal_tiles_score_equal<S>(criterion);
    check_nan_is_not_hidden<S>(criterion, false);
  }
  if (says.reads_gradient) check_nan_is_not_hidden<S>(criterion, true);
  check_scores_scale_as_declared<S>(criterion, says.scale);
}

}  // namespace support

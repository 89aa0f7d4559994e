// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/observe/detail/tile_products.hpp>
#include <prunus/observe/detail/tile_records.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::min
#include <cmath>        // std::pow
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t, std::uint8_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus::inline v0 {

/// How movement scores are trained.
struct movement_options {
  enum class rule : std::uint8_t { adam, sgd };
  rule update = rule::adam;
  double learning_rate = 0.01;  ///< > 0
  double beta1 = 0.9;           ///< of adam, in [0, 1)
  double beta2 = 0.999;         ///< of adam, in [0, 1)
  double epsilon = 1e-8;        ///< of adam, > 0
};

/// A score for every tile that is trained beside the weights: it falls while the weights of the
/// tile move towards zero, and grows while they move away.
///
///     prunus::movement_scores scores{net, prunus::filter};
///     // after every backward pass, before the weights move:
///     scores.step(net);
///
/// The gradient of a score is the sum over its tile of w times the gradient of w (straight through
/// the choice of what is kept); scores begin at 0 and follow their own optimizer. In double, one
/// number a tile and two more for the moments of adam. A value: copy it, save it.
class movement_scores {
 public:
  /// @throws argument_error (empty_model: no parameter to score; out_of_range: an option, a
  /// negative tile)
  template <weight_scalar S>
  movement_scores(const model<S>& net, const tile& shape, const movement_options& options = {})
      : options_(checked(options)),
        records_(detail::records_for<3>(net, shape, "movement_scores")) {}

  /// One step of the scores' own optimizer, with the weights and gradients of the model as they are
  /// now. Cost: one pass over both; no allocation after the first step.
  /// @throws argument_error (unknown_name, null_storage: a gradient is gone), shape_error
  /// (shape_mismatch); nothing has then moved
  template <weight_scalar S>
  void step(const model<S>& net) {
    for (const record& r : records_) (void)detail::parameter_of(r, net, "movement_scores");
    ++steps_;
    for (record& r : records_) {
      const parameter<S>& p = net[r.name];
      const Index size = static_cast<Index>(r.values[score].size());
      if (r.grid.is_elementwise()) {  // slopes of a piece at a time, which never leave the cache
        for (Index at = 0; at < size; at += piece)
          update(r, at, products(p, at, std::min(piece, size - at)));
        continue;
      }
      slopes_.assign(r.values[score].size(), 0.0);
      detail::add_products<detail::as_it_is, S>(p.weight, p.options.gradient, r.grid, slopes_);
      for (Index at = 0; at < size; at += piece)
        update(r, at, slopes{slopes_.data() + at, std::min(piece, size - at)});
    }
  }

  /// Steps so far.
  [[nodiscard]] Index steps() const noexcept { return steps_; }
  /// One score a tile of that grid.
  /// @throws argument_error (unknown_name), shape_error (shape_mismatch: made with another tile)
  [[nodiscard]] std::span<const double> scores(std::string_view name, const tile_grid& grid) const {
    return detail::find_record(records_, name, grid, "movement_scores").values[score];
  }

  void save(archive_writer& out) const {
    out.tag("prunus movement 1");
    out.number(static_cast<std::int64_t>(steps_));
    detail::save_records(out, records_);
  }
  /// Takes over what was saved over the same model and tile, bit for bit; options are not saved.
  /// @throws file_error, shape_error (shape_mismatch); this object is then unchanged
  void load(archive_reader& in) {
    in.tag("prunus movement 1");
    const auto steps = in.number<std::int64_t>();
    std::vector<record> loaded = records_;
    detail::load_records(in, loaded);
    records_ = std::move(loaded);
    steps_ = steps;
  }

 private:
  using record = detail::tile_record<3>;
  using slopes = Eigen::Map<const Eigen::ArrayXd>;
  static constexpr Index piece = 512;  ///< scores updated together, in the first cache
  static constexpr std::size_t score = 0, first_moment = 1, second_moment = 2;

  static const movement_options& checked(const movement_options& o) {
    if (!(o.learning_rate > 0 && o.beta1 >= 0 && o.beta1 < 1 && o.beta2 >= 0 && o.beta2 < 1 &&
          o.epsilon > 0))
      throw argument_error(
          errc::out_of_range,
          detail::concat("movement_scores: learning rate ", o.learning_rate, ", beta1 ", o.beta1,
                         ", beta2 ", o.beta2, ", epsilon ", o.epsilon,
                         "; expected > 0, in [0, 1), in [0, 1) and > 0"));
    return o;
  }

  /// The slopes of `count` single weights.
  template <weight_scalar S>
  [[nodiscard]] slopes products(const parameter<S>& p, Index at, Index count) {
    using values = Eigen::Map<const Eigen::Array<S, Eigen::Dynamic, 1>>;
    const auto in_double = [&](const S* data) {
      return values(data + at, count).template cast<score_of<S>>().template cast<double>();
    };
    slopes_.resize(static_cast<std::size_t>(piece));
    Eigen::Map<Eigen::ArrayXd>(slopes_.data(), count) =
        in_double(p.weight.data) * in_double(p.options.gradient.data);
    return {slopes_.data(), count};
  }

  /// Moves the scores from `at` on down their slopes `g`.
  void update(record& r, Index at, const slopes& g) const {
    using numbers = Eigen::Map<Eigen::ArrayXd>;
    const double rate = options_.learning_rate, b1 = options_.beta1, b2 = options_.beta2;
    numbers s(r.values[score].data() + at, g.size());
    if (options_.update == movement_options::rule::sgd) {
      s -= rate * g;
      return;
    }
    const double done = static_cast<double>(steps_);
    const double pace = rate / (1 - std::pow(b1, done)), unbias = 1 / (1 - std::pow(b2, done));
    numbers first(r.values[first_moment].data() + at, g.size()),
        second(r.values[second_moment].data() + at, g.size());
    first = b1 * first + (1 - b1) * g;
    second = b2 * second + (1 - b2) * g.square();
    s -= pace * first / ((second * unbias).sqrt() + options_.epsilon);
  }

  movement_options options_;
  std::vector<record> records_;
  Index steps_ = 0;
  std::vector<double> slopes_;  // gradients of the scores of one record, or of a piece of it
};

}  // namespace prunus::inline v0

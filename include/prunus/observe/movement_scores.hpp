// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/core/tile_reduction.hpp>
#include <prunus/observe/detail/tile_products.hpp>
#include <prunus/observe/detail/tile_records.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::min
#include <cmath>        // std::pow
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t, std::uint8_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <type_traits>  // std::common_type_t, std::is_same_v
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

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
/// the choice of what is kept), which is summed up in double; scores begin at 0 and follow their
/// own optimizer. One number a tile and two more for the moments of adam, in the scalar of scores,
/// which the constructor takes from the model: double for double weights, float for all others, as
/// the source trains them. A value: copy it, save it.
///
/// What single weights of a float model cost is memory: w and its gradient are read, the score and
/// the moments read and written, 32 bytes a weight (16 with the rule sgd) where a plain read of the
/// weights moves 4. A step moves them about as fast as memcpy moves bytes.
template <class T>
class movement_scores {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, double>,
                "prunus::movement_scores: the scalar of scores is float or double");

 public:
  /// @throws argument_error (empty_model: no parameter to score; out_of_range: an option, a
  /// negative tile)
  template <weight_scalar S>
    requires(std::is_same_v<score_of<S>, T>)
  movement_scores(const model<S>& net, const tile& shape, const movement_options& options = {})
      : options_(checked(options)),
        records_(detail::records_for<3, T>(net, shape, "movement_scores")) {}

  /// One step of the scores' own optimizer, with the weights and gradients of the model as they
  /// are now. Cost: one pass over both and over what is kept here; no allocation after the first
  /// step.
  /// @throws argument_error (unknown_name, null_storage: a gradient is gone), shape_error
  /// (shape_mismatch); nothing has then moved
  template <weight_scalar S>
    requires(std::is_same_v<score_of<S>, T>)
  void step(const model<S>& net) {
    for (const record& r : records_) (void)detail::parameter_of(r, net, "movement_scores");
    ++steps_;
    const double done = static_cast<double>(steps_);
    const pace now{static_cast<T>(options_.learning_rate / (1 - std::pow(options_.beta1, done))),
                   static_cast<T>(1 / (1 - std::pow(options_.beta2, done)))};
    for (record& r : records_) {
      const parameter<S>& p = net[r.name];
      const Index size = static_cast<Index>(r.values[score].size());
      const bool single = r.grid.is_elementwise();
      if (!single) {
        slopes_.assign(r.values[score].size(), 0.0);
        detail::add_products<detail::as_it_is, S>(p.weight, p.options.gradient, r.grid, slopes_);
      }
      for (Index at = 0; at < size; at += piece) {
        const Index count = std::min(piece, size - at);
        piece_.resize(static_cast<std::size_t>(piece));
        numbers slopes(piece_.data(), count);  // which never leave the cache
        if (single)
          slopes =
              in_scalar(p.weight.data + at, count) * in_scalar(p.options.gradient.data + at, count);
        else
          slopes = Eigen::Map<const doubles>(slopes_.data() + at, count).template cast<T>();
        update(r, at, slopes, now);
      }
    }
  }

  /// Steps so far.
  [[nodiscard]] Index steps() const noexcept { return steps_; }
  /// One score a tile of that grid.
  /// @throws argument_error (unknown_name), shape_error (shape_mismatch: made with another tile)
  [[nodiscard]] std::span<const T> scores(std::string_view name, const tile_grid& grid) const {
    return detail::find_record(records_, name, grid, "movement_scores").values[score];
  }

  void save(archive_writer& out) const {
    out.tag("prunus movement 2");
    out.number(static_cast<std::uint8_t>(sizeof(T)));
    out.number(static_cast<std::int64_t>(steps_));
    detail::save_records(out, records_);
  }
  /// Takes over what was saved over the same model and tile, bit for bit; options are not saved.
  /// Scores of another scalar are refused, and so are those of the first version of the format,
  /// which kept all in double: to go on with them would not be the same run.
  /// @throws file_error (malformed, truncated), shape_error (shape_mismatch); this object is then
  /// unchanged
  void load(archive_reader& in) {
    in.tag("prunus movement 2");
    if (const auto bytes = in.number<std::uint8_t>(); bytes != sizeof(T))
      throw file_error(
          errc::malformed,
          detail::concat(in.origin(), ": movement scores of ", Index{bytes},
                         " bytes each, here they have ", sizeof(T),
                         "; load them beside a model of the scalar they were saved for"));
    const Index steps = in.count("steps");
    std::vector<record> loaded = records_;
    detail::load_records(in, loaded);
    records_ = std::move(loaded);
    steps_ = steps;
  }

 private:
  using record = detail::tile_record<3, T>;
  using numbers = Eigen::Map<Eigen::Array<T, Eigen::Dynamic, 1>>;
  using doubles = Eigen::Array<std::common_type_t<T, double>, Eigen::Dynamic, 1>;
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

  /// What adam multiplies the moments by at one step.
  struct pace {
    T rate;
    T unbias;
  };

  template <weight_scalar S>
  [[nodiscard]] static auto in_scalar(const S* data, Index count) {
    return Eigen::Map<const Eigen::Array<S, Eigen::Dynamic, 1>>(data, count).template cast<T>();
  }

  /// Moves the scores from `at` on down their slopes `g`.
  void update(record& r, Index at, const numbers& g, const pace& now) const {
    const auto from = [&](std::size_t what) {
      return numbers(r.values[what].data() + at, g.size());
    };
    numbers s = from(score);
    if (options_.update == movement_options::rule::sgd) {
      s -= static_cast<T>(options_.learning_rate) * g;
      return;
    }
    const auto keep1 = static_cast<T>(options_.beta1), take1 = static_cast<T>(1 - options_.beta1),
               keep2 = static_cast<T>(options_.beta2), take2 = static_cast<T>(1 - options_.beta2);
    numbers first = from(first_moment), second = from(second_moment);
    first = keep1 * first + take1 * g;
    second = keep2 * second + take2 * g.square();
    s -= now.rate * first / ((now.unbias * second).sqrt() + static_cast<T>(options_.epsilon));
  }

  movement_options options_;
  std::vector<record> records_;
  Index steps_ = 0;
  std::vector<double> slopes_;  // gradients of the scores of one record
  std::vector<T> piece_;        // of those that are moved together
};

template <weight_scalar S>
movement_scores(const model<S>&, const tile&) -> movement_scores<score_of<S>>;
template <weight_scalar S>
movement_scores(const model<S>&, const tile&, const movement_options&)
    -> movement_scores<score_of<S>>;

}  // namespace v0
}  // namespace prunus

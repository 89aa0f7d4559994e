// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/observe/detail/tile_products.hpp>
#include <prunus/observe/detail/tile_records.hpp>

#include <cmath>        // std::abs
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t, std::uint8_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// What a batch adds to the number of a tile: how much the loss would move, to first order, if the
/// tile were zero.
enum class taylor_term : std::uint8_t {
  squares,       ///< sum (w g)^2: every weight for itself
  magnitude,     ///< |sum w g|: the tile as a whole
  square_of_sum  ///< (sum w g)^2: the same, large batches counting more
};

/// Products of weights and gradients, gathered batch by batch: one number a tile.
///
///     prunus::taylor_statistics products{net, prunus::filter};
///     // after every backward pass, before the weights move:
///     products.add(net);
///     // after an event, so that the next one sees its own window:
///     if (scheduler.step({.step = step + 1}).pruned()) products.reset();
///
/// It watches the weights of two axes or more that have a gradient, and what is prunable by
/// request. Sums are formed in double. A value: copy it, merge it, save it. Not finite gradients
/// make sums that are not finite, which selection refuses by the name of the parameter.
class taylor_statistics {
 public:
  /// @throws argument_error (empty_model: no parameter to watch; out_of_range: a negative tile)
  template <weight_scalar S>
  taylor_statistics(const model<S>& net, const tile& shape, taylor_term term = taylor_term::squares)
      : term_(term), records_(detail::records_for<1>(net, shape, "taylor_statistics")) {}

  /// Adds the batch that the weights and gradients of the model are of now.
  /// Cost: one pass over both. Allocates nothing, but with a term other than `squares` one number a
  /// tile where a tile is more than a weight.
  /// @throws argument_error (unknown_name, null_storage: a gradient is gone), shape_error
  /// (shape_mismatch); nothing is then added
  template <weight_scalar S>
  void add(const model<S>& net) {
    for (const record& r : records_) (void)detail::parameter_of(r, net, "taylor_statistics");
    for (record& r : records_) {
      const parameter<S>& p = net[r.name];
      add_batch<S>(p.weight, p.options.gradient, r);
    }
    ++batches_;
  }

  /// Adds what another object has gathered over the same model and tile.
  /// @throws shape_error (shape_mismatch: another model, tile or term); nothing is then merged
  template <class = compiled_on_use>
  void merge(const taylor_statistics& other) {
    bool same = term_ == other.term_ && records_.size() == other.records_.size();
    for (std::size_t i = 0; same && i < records_.size(); ++i)
      same =
          records_[i].name == other.records_[i].name && records_[i].grid == other.records_[i].grid;
    if (!same)
      throw shape_error(errc::shape_mismatch,
                        "taylor_statistics.merge: the other was gathered over another model, tile "
                        "or term");
    for (std::size_t i = 0; i < records_.size(); ++i)
      for (std::size_t t = 0; t < records_[i].values[0].size(); ++t)
        records_[i].values[0][t] += other.records_[i].values[0][t];
    batches_ += other.batches_;
  }

  /// Begins a new window: forgets the batches, not what is watched.
  void reset() noexcept {
    batches_ = 0;
    for (record& r : records_)
      for (double& total : r.values[0]) total = 0;
  }

  /// Batches in the window.
  [[nodiscard]] Index batches() const noexcept { return batches_; }
  [[nodiscard]] taylor_term term() const noexcept { return term_; }
  /// Sums over the batches, one a tile of that grid.
  /// @throws argument_error (unknown_name), shape_error (shape_mismatch: gathered with another
  /// tile)
  [[nodiscard]] std::span<const double> totals(std::string_view name, const tile_grid& grid) const {
    return detail::find_record(records_, name, grid, "taylor_statistics").values[0];
  }

  template <class = compiled_on_use>
  void save(archive_writer& out) const {
    out.tag("prunus taylor 1");
    out.number(static_cast<std::uint8_t>(term_));
    out.number(static_cast<std::int64_t>(batches_));
    detail::save_records(out, records_);
  }
  /// Takes over what was saved over the same model, tile and term, bit for bit.
  /// @throws file_error, shape_error (shape_mismatch); this object is then unchanged
  template <class = compiled_on_use>
  void load(archive_reader& in) {
    in.tag("prunus taylor 1");
    if (in.number<std::uint8_t>() != static_cast<std::uint8_t>(term_))
      throw shape_error(errc::shape_mismatch,
                        detail::concat(in.origin(), ": Taylor statistics of another term"));
    const Index batches = in.count("batches");
    std::vector<record> loaded = records_;
    detail::load_records(in, loaded);
    records_ = std::move(loaded);
    batches_ = batches;
  }

  friend bool operator==(const taylor_statistics&, const taylor_statistics&) = default;

 private:
  using record = detail::tile_record<1>;

  template <weight_scalar S>
  void add_batch(weight_view<S> weight, weight_view<S> gradient, record& r) const {
    const std::span<double> totals = r.values[0];
    if (term_ == taylor_term::squares ||
        (r.grid.is_elementwise() && term_ == taylor_term::square_of_sum))
      return detail::add_products<detail::squared>(weight, gradient, r.grid, totals);
    if (r.grid.is_elementwise())
      return detail::add_products<detail::magnitude>(weight, gradient, r.grid, totals);
    std::vector<double> sums(totals.size(), 0.0);
    detail::add_products<detail::as_it_is>(weight, gradient, r.grid, std::span<double>(sums));
    for (std::size_t t = 0; t < sums.size(); ++t)
      totals[t] += term_ == taylor_term::magnitude ? std::abs(sums[t]) : sums[t] * sums[t];
  }

  taylor_term term_;
  std::vector<record> records_;
  Index batches_ = 0;
};

}  // namespace v0
}  // namespace prunus

// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/tile.hpp>
#include <prunus/core/tile_reduction.hpp>
#include <prunus/core/tile_walk.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::copy_n, std::fill, std::fill_n, std::min
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// One factor for each channel that a weight writes (axis out) or reads (axis in), and the scores
/// that follow from it. A grouped weight reads `groups` times as many channels as its in axis is
/// long.
template <weight_scalar S>
class channel_factors {
 public:
  using score = score_of<S>;

  /// @throws argument_error (unsupported: another axis), shape_error (shape_mismatch: statistics of
  /// another number of channels)
  channel_factors(const parameter<S>& p, axis along, std::vector<score> values,
                  std::string_view where)
      : weight_(p.weight), along_(along), values_(std::move(values)) {
    if (along != axis::out && along != axis::in)
      throw argument_error(errc::unsupported,
                           concat(where, ": statistics belong to what a weight writes or reads, ",
                                  "not to its ", name_of(along)));
    const Index channels = static_cast<Index>(values_.size()), extent = weight_.extent(along);
    groups_ = along == axis::in ? channels / extent : 1;
    if (groups_ < 1 || groups_ * extent != channels || weight_.extent(axis::out) % groups_ != 0)
      throw shape_error(
          errc::shape_mismatch,
          concat(where, ": ", p.name, " is ", describe(weight_), ", its statistics are of ",
                 channels, " channels; were they ", "gathered from what it ",
                 along == axis::out ? "writes?" : "reads?"));
    spread();
  }

  /// score = mean of the factors over the weights of the tile. Cost: linear in tiles and channels.
  void mean_over_tiles(const tile_grid& grid, std::span<score> scores) const {
    cursor here;
    if (grid.is_elementwise())
      return for_each_piece(
          0, grid.weights(), here,
          [&](Index at, Index n, score factor) { std::fill_n(scores.data() + at, n, factor); },
          [&](Index at, Index n, const factors& f) {
            std::copy_n(f.data(), n, scores.data() + at);
          });
    const range_of outs(grid, axis::out), ins(grid, axis::in);
    double mean = 0;
    Index known_out = -1, known_in = -1;  // where the ranges of that mean begin
    for (Index t = 0; t < grid.size(); ++t) {
      const range out = outs(t), in = ins(t);
      const bool other_out = out.first != known_out && (along_ == axis::out || groups_ > 1);
      const bool other_in = in.first != known_in && along_ == axis::in;
      if (other_out || other_in) mean = mean_over(out, in);
      known_out = out.first;
      known_in = in.first;
      scores[static_cast<std::size_t>(t)] = static_cast<score>(mean);
    }
  }

  /// score = sum of factor * |w| over the tile. Cost: one pass over the weights.
  void weigh_magnitudes(const tile_grid& grid, std::span<score> scores) const {
    cursor here;
    const bool once = grid.is_elementwise();  // every score is written by one weight
    if (!once) std::fill(scores.begin(), scores.end(), score{0});
    const auto magnitudes = [&](Index at, Index count) {
      return scores_from(weight_.data + at, count).abs();
    };
    walk_tiles(
        grid,
        [&](Index at, Index count, Index tile) {
          score total = 0;
          for_each_piece(
              at, count, here,
              [&](Index from, Index n, score factor) {
                total += factor * magnitudes(from, n).sum();
              },
              [&](Index from, Index n, const factors& f) {
                total += (magnitudes(from, n) * f).sum();
              });
          if (once)
            scores[static_cast<std::size_t>(tile)] = total;
          else
            scores[static_cast<std::size_t>(tile)] += total;
        },
        [&](Index at, Index count, Index tile) {
          const auto write = [&](Index from, Index n, const auto& terms) {
            Eigen::Map<Eigen::Array<score, Eigen::Dynamic, 1>> row(scores.data() + tile + from - at,
                                                                   n);
            if (once)
              row = terms;
            else
              row += terms;
          };
          for_each_piece(
              at, count, here,
              [&](Index from, Index n, score factor) {
                write(from, n, factor * magnitudes(from, n));
              },
              [&](Index from, Index n, const factors& f) {
                write(from, n, magnitudes(from, n) * f);
              });
        });
  }

 private:
  using factors = Eigen::Map<const Eigen::Array<score, Eigen::Dynamic, 1>>;

  /// Where a channel is a short run of weights (a 3 x 3 kernel), stores its factor for each of
  /// them: long pieces of many factors are faster than short ones of one factor.
  void spread() {
    constexpr Index short_run = 32;
    const Index run = weight_.stride(along_);
    if (groups_ > 1 || run == 1 || run > short_run) return;
    std::vector<score> repeated;
    repeated.reserve(values_.size() * static_cast<std::size_t>(run));
    for (score factor : values_)
      repeated.insert(repeated.end(), static_cast<std::size_t>(run), factor);
    values_ = std::move(repeated);
    spread_ = run;
  }

  /// Positions along an axis, from the first to before the last.
  struct range {
    Index first, last;
  };
  /// Which positions along an axis a tile covers.
  struct range_of {
    range_of(const tile_grid& grid, axis a) : stride(grid.stride(a)), count(grid.count(a)) {
      std::size_t k = 0;
      while (grid.axes()[k] != a) ++k;
      tile = grid.tile_extents()[k];
      extent = grid.extents()[k];
    }
    [[nodiscard]] range operator()(Index t) const noexcept {
      const Index first = t / stride % count * tile;
      return {first, std::min(first + tile, extent)};
    }
    Index stride, count, tile = 1, extent = 1;
  };

  [[nodiscard]] double mean_over(const range& out, const range& in) const noexcept {
    double total = 0;
    Index count = 0;
    if (along_ == axis::out) {
      for (Index o = out.first; o < out.last; ++o, ++count) total += value(o);
    } else {
      const Index step = groups_ > 1 ? 1 : out.last - out.first;  // without groups all agree
      for (Index o = out.first; o < out.last; o += step)
        for (Index i = in.first; i < in.last; ++i, ++count) total += value(channel_read(o, i));
    }
    return total / static_cast<double>(count);
  }
  [[nodiscard]] double value(Index c) const noexcept {
    return static_cast<double>(values_[static_cast<std::size_t>(c * spread_)]);
  }
  [[nodiscard]] Index channel_read(Index out, Index in) const noexcept {
    return out / (weight_.extent(axis::out) / groups_) * weight_.extent(axis::in) + in;
  }

  /// Where the pieces of a walk are: mostly one behind the other, so that no division is needed.
  struct cursor {
    Index next = -1;  ///< the weight behind the last piece
    Index factor = 0, left = 0;
  };

  /// Cuts neighbouring weights into pieces that have one factor, `same(at, count, factor)`, or
  /// neighbouring factors, `each(at, count, factors)`.
  template <class Same, class Each>
  void for_each_piece(Index at, Index count, cursor& here, const Same& same,
                      const Each& each) const {
    const Index end = at + count;
    if (groups_ > 1) return for_each_grouped_piece(at, end, same);
    const Index stride = weight_.stride(along_), extent = weight_.extent(along_);
    if (stride == spread_) {  // a factor for every weight of a period
      const Index period = extent * spread_;
      Index c = at == here.next ? here.factor : at % period;
      while (at < end) {
        const Index n = std::min(end - at, period - c);
        each(at, n, factors(values_.data() + c, n));
        at += n;
        c = c + n == period ? 0 : c + n;
      }
      here = {end, c, 0};
      return;
    }
    if (at != here.next) here = {at, at / stride % extent, stride - at % stride};
    while (at < end) {
      const Index n = std::min(end - at, here.left);
      same(at, n, values_[static_cast<std::size_t>(here.factor)]);
      at += n;
      here.left -= n;
      if (here.left > 0) continue;
      here.left = stride;
      here.factor = here.factor + 1 == extent ? 0 : here.factor + 1;
    }
    here.next = end;
  }
  template <class Same>
  void for_each_grouped_piece(Index at, Index end, const Same& same) const {
    const Index inner = weight_.stride(axis::in), reads = weight_.extent(axis::in);
    const Index outer = weight_.stride(axis::out), outs = weight_.extent(axis::out);
    while (at < end) {
      const Index n = std::min({end - at, inner - at % inner, outer - at % outer});
      const Index from = channel_read(at / outer % outs, at / inner % reads);
      same(at, n, values_[static_cast<std::size_t>(from)]);
      at += n;
    }
  }

  weight_view<const S> weight_;
  axis along_;
  std::vector<score> values_;  ///< each `spread_` times in a row
  Index groups_ = 1;
  Index spread_ = 1;
};

/// Factors from a value for each channel of what was gathered: `of(record, channel)`.
template <weight_scalar S, class Record, class Of>
[[nodiscard]] channel_factors<S> factors_of(const parameter<S>& p, const Record& record, axis along,
                                            std::string_view where, const Of& of) {
  std::vector<score_of<S>> values(static_cast<std::size_t>(record.channels()));
  for (std::size_t c = 0; c < values.size(); ++c)
    values[c] = static_cast<score_of<S>>(of(record, static_cast<Index>(c)));
  return {p, along, std::move(values), where};
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus

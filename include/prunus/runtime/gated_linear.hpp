// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/runtime/detail/gated_kernels.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/runtime/matrix_product.hpp>
#include <prunus/simd/channel_epilogue.hpp>
#include <prunus/simd/packet.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::copy_n, std::fill_n, std::max, std::min
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// A linear layer that computes the open outputs of each sample from its open inputs:
///
///     y[n][o] = epilogue_o(weights[o] * x[n]), over the open inputs, where o is open, else 0
///
/// Rows of weights of closed outputs are not touched. Inputs are skipped a register of weights at a
/// time: one without an open input is left out, one with few is picked apart, and in one where at
/// least a quarter is open the closed ones ride along as zeros, since that costs less; these count
/// as executed. Flattened planes make long runs, where almost every closed input is left out: set
/// `plane` to the number of inputs that open and close together.
///
/// A sample whose open share reaches `gated_options::dense_from` is computed by `linear_forward`.
///
///     prunus::gated_linear<float> dense({.in = 512, .out = 10});
///     auto work = dense.make_workspace();
///     dense.forward(x, weights, {.shift = bias}, y, samples, {.inputs = open}, work);
///
/// All calls are const and use only the workspace they are given. No call allocates but
/// `make_workspace`. NaN and infinity in a weight of a closed input may show.
template <std::floating_point S>
class gated_linear {
 public:
  /// Memory of one caller of `forward`.
  class workspace {
    friend class gated_linear;
    std::vector<S> numbers_;        // masked samples, scratch of the dense twin
    std::vector<S> registers_;      // of inputs that are multiplied as a whole
    std::vector<Index> begins_;     // of their weights in a row
    std::vector<S> singles_;        // inputs that are multiplied one by one
    std::vector<Index> single_at_;  // and their weights
    std::vector<Index> outputs_;
  };

  /// `plane`: inputs of one channel, whose flag they share; 1 where each input has its own.
  /// @throws shape_error (shape_mismatch: an extent below 1, or a plane that does not divide the
  ///         inputs), argument_error (out_of_range: `dense_from` is negative or NaN)
  explicit gated_linear(const linear_shape& shape, Index plane = 1,
                        const gated_options& options = {})
      : shape_(shape), plane_(plane), options_(detail::checked_options(options, "gated_linear")) {
    if (shape.in < 1 || shape.out < 1 || plane < 1 || shape.in % plane != 0)
      throw shape_error(
          errc::shape_mismatch,
          detail::concat("gated_linear: ", shape.in, " inputs in planes of ", plane, ", ",
                         shape.out,
                         " outputs; all must be at least 1 and the plane divide the inputs"));
  }

  [[nodiscard]] const linear_shape& shape() const noexcept { return shape_; }
  /// Inputs that share a flag, and how many flags a sample has.
  [[nodiscard]] Index plane() const noexcept { return plane_; }
  [[nodiscard]] Index in_channels() const noexcept { return shape_.in / plane_; }
  [[nodiscard]] const gated_options& options() const noexcept { return options_; }
  void set_options(const gated_options& options) {
    options_ = detail::checked_options(options, "gated_linear");
  }

  [[nodiscard]] workspace make_workspace() const {
    workspace work;
    const std::size_t in = static_cast<std::size_t>(shape_.in);
    const std::size_t registers = in / lanes + 1;
    work.numbers_.resize(static_cast<std::size_t>(dense_block) * in +
                         static_cast<std::size_t>(linear_scratch_size<S>(shape_)));
    work.registers_.resize(registers * lanes);
    work.begins_.resize(registers);
    work.singles_.resize(in);
    work.single_at_.resize(in);
    work.outputs_.resize(static_cast<std::size_t>(shape_.out) + 1);
    return work;
  }

  /// @pre x: samples x in, weights: out x in, y: samples x out, none overlapping; flags: samples x
  ///      in_channels() and samples x out
  /// @returns what was executed; closed inputs that ride along in a register are counted
  executed_work forward(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
                        Index samples, const open_channels& open, workspace& work) const noexcept {
    return detail::forward_gated(
        samples, shape_.in * shape_.out, dense_block,
        [&](Index n) { return prefers_dense(open, n); },
        [&](Index first, Index count) {
          compute_whole(x, weights, epilogue, y, first, count, open, work);
        },
        [&](Index n) {
          return gather(x + n * shape_.in, weights, epilogue, y + n * shape_.out,
                        open.from(n, in_channels(), shape_.out), work);
        });
  }

  /// Multiply-adds of sample `n` that are open.
  [[nodiscard]] Index open_macs(const open_channels& open, Index n = 0) const noexcept {
    const open_channels of = open.from(n, in_channels(), shape_.out);
    return detail::count_open(of.inputs, 0, in_channels()) * plane_ *
           detail::count_open(of.outputs, 0, shape_.out);
  }

 private:
  static constexpr std::size_t lanes = static_cast<std::size_t>(detail::lanes<S>);
  static constexpr Index dense_block = 64;  // samples that the dense twin computes together

  [[nodiscard]] bool prefers_dense(const open_channels& open, Index n) const noexcept {
    return static_cast<double>(open_macs(open, n)) >=
           options_.dense_from * static_cast<double>(shape_.in * shape_.out);
  }

  /// A sample with zeros in its closed channels.
  void mask(const S* x, const std::uint8_t* open, S* to) const noexcept {
    for (Index c = 0; c < in_channels(); ++c, x += plane_, to += plane_)
      if (open == nullptr || open[c] != 0)
        std::copy_n(x, plane_, to);
      else
        std::fill_n(to, plane_, S(0));
  }

  void compute_whole(const S* x, const S* weights, const channel_epilogue<S>& epilogue, S* y,
                     Index first, Index count, const open_channels& open,
                     workspace& work) const noexcept {
    const S* from = x + first * shape_.in;
    S* const copy = work.numbers_.data();
    if (open.inputs != nullptr) {
      for (Index n = 0; n < count; ++n)
        mask(from + n * shape_.in, open.inputs + (first + n) * in_channels(), copy + n * shape_.in);
      from = copy;
    }
    S* const to = y + first * shape_.out;
    linear_forward(shape_, from, weights, epilogue, to, count, copy + dense_block * shape_.in);
    if (open.outputs != nullptr)
      for (Index k = 0; k < count * shape_.out; ++k)
        if (open.outputs[first * shape_.out + k] == 0) to[k] = S(0);
  }

  /// What of a row of weights is multiplied.
  struct row_taps {
    std::size_t registers = 0, singles = 0;
    Index covered = 0;  ///< weights
  };

  /// Sorts the inputs into registers that are worth it and singles.
  [[nodiscard]] row_taps list_inputs(const S* x, const std::uint8_t* open,
                                     workspace& work) const noexcept {
    row_taps taps;
    S* const masked = work.numbers_.data();
    mask(x, open, masked);
    constexpr Index width = detail::lanes<S>;
    for (Index begin = 0; begin < shape_.in; begin += width) {
      const Index count = std::min(width, shape_.in - begin);
      Index found = 0;
      for (Index i = begin; i < begin + count; ++i) found += is_open(open, i) ? 1 : 0;
      if (found == 0) continue;
      if (shape_.in >= width && 4 * found >= width) {
        // A last register overlaps the one before, whose inputs are zero in it.
        const Index at = begin + count - width;
        S* const to = work.registers_.data() + taps.registers * lanes;
        std::fill_n(to, width - count, S(0));
        std::copy_n(masked + begin, count, to + width - count);
        work.begins_[taps.registers++] = at;
        taps.covered += count;
      } else {
        for (Index i = begin; i < begin + count; ++i) {
          if (!is_open(open, i)) continue;
          work.singles_[taps.singles] = masked[i];
          work.single_at_[taps.singles++] = i;
        }
        taps.covered += found;
      }
    }
    return taps;
  }
  [[nodiscard]] bool is_open(const std::uint8_t* open, Index input) const noexcept {
    return open == nullptr || open[plane_ == 1 ? input : input / plane_] != 0;
  }

  [[nodiscard]] Index gather(const S* x, const S* weights, const channel_epilogue<S>& epilogue,
                             S* y, const open_channels& open, workspace& work) const noexcept {
    std::fill_n(y, shape_.out, S(0));
    const Index outputs = detail::list_open(open.outputs, 0, shape_.out, work.outputs_.data());
    if (outputs == 0) return 0;
    const row_taps taps = list_inputs(x, open.inputs, work);
    Index k = 0, macs = 0;
    for (; k + 4 <= outputs; k += 4) macs += dot_products<4>(weights, k, taps, y, work);
    for (; k < outputs; ++k) macs += dot_products<1>(weights, k, taps, y, work);
    for (k = 0; k < outputs; ++k) {
      const Index o = work.outputs_[static_cast<std::size_t>(k)];
      y[o] = epilogue(y[o], o);
    }
    return macs;
  }

  /// @returns the multiply-adds done
  template <std::size_t Rows>
  [[nodiscard]] Index dot_products(const S* weights, Index first, const row_taps& taps, S* y,
                                   const workspace& work) const noexcept {
    const Index* const wanted = work.outputs_.data() + first;
    const S* row[Rows];
    detail::packet<S> sum[Rows] = {};
    S rest[Rows] = {};
    for (std::size_t r = 0; r < Rows; ++r) row[r] = weights + wanted[r] * shape_.in;
    for (std::size_t t = 0; t < taps.registers; ++t) {
      const detail::packet<S> a = detail::load(work.registers_.data() + t * lanes);
      const Index at = work.begins_[t];
      for (std::size_t r = 0; r < Rows; ++r) sum[r] = sum[r] + detail::load(row[r] + at) * a;
    }
    for (std::size_t t = 0; t < taps.singles; ++t)
      for (std::size_t r = 0; r < Rows; ++r)
        rest[r] += row[r][work.single_at_[t]] * work.singles_[t];
    for (std::size_t r = 0; r < Rows; ++r) y[wanted[r]] = detail::sum_of_lanes<S>(sum[r]) + rest[r];
    return static_cast<Index>(Rows) * taps.covered;
  }

  linear_shape shape_;
  Index plane_;
  gated_options options_;
};

}  // namespace v0
}  // namespace prunus

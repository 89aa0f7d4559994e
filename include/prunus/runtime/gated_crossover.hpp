// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/detail/mix_bits.hpp>
#include <prunus/core/error.hpp>
#include <prunus/runtime/executed_work.hpp>
#include <prunus/runtime/gated_convolution.hpp>
#include <prunus/runtime/gated_linear.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::fill, std::max, std::min
#include <chrono>     // std::chrono::steady_clock
#include <concepts>   // std::floating_point
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t, std::uint64_t
#include <limits>     // std::numeric_limits
#include <span>       // std::span
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// How long one share of open multiply-adds took both ways.
struct gated_timing {
  double share = 0;     ///< of the multiply-adds open, 0 to 1
  double gathered = 0;  ///< seconds
  double dense = 0;     ///< seconds
};

/// What `measure_gated_crossover` found.
struct gated_crossover {
  double dense_from = 1;  ///< for gated_options; above 1: gathering was never slower
  std::vector<gated_timing> timings = {};

  [[nodiscard]] gated_options options() const noexcept { return {.dense_from = dense_from}; }
};

/// The share from which on dense is the faster way: where gathered / dense, a straight line between
/// neighbouring timings, exceeds 1 and stays there up to the last. 2 when the last timing still
/// favours gathering, 0 when all favour dense.
/// @pre timings by ascending share, their seconds positive
/// @throws argument_error (out_of_range: no timings)
[[nodiscard]] inline double crossover_of(std::span<const gated_timing> timings) {
  if (timings.empty())
    throw argument_error(errc::out_of_range,
                         "crossover_of: no timings; measure at least one share");
  const auto ratio = [&](std::size_t k) { return timings[k].gathered / timings[k].dense; };
  std::size_t first = timings.size();  // of those that favour dense
  while (first > 0 && ratio(first - 1) > 1) --first;
  if (first == timings.size()) return 2;
  if (first == 0) return 0;
  const double below = ratio(first - 1), above = ratio(first);
  const double part = (1 - below) / (above - below);
  return timings[first - 1].share + part * (timings[first].share - timings[first - 1].share);
}

struct gated_crossover_options {
  Index samples = 1;  ///< of a batch: more of them share the weights in the dense way
  Index rounds = 9;   ///< the fastest of so many counts
  /// Open channels on either side, ascending; the share of the multiply-adds is about its square.
  std::vector<double> open = {0.5, 0.7, 0.85, 0.95, 1};
};

namespace detail {

/// Opens `count` pseudo-random channels of every sample.
inline void open_some(std::vector<std::uint8_t>& flags, Index samples, Index channels, Index count,
                      std::uint64_t seed) {
  std::fill(flags.begin(), flags.end(), std::uint8_t{0});
  for (Index n = 0; n < samples; ++n) {
    std::uint8_t* const open = flags.data() + n * channels;
    Index left = count;  // each remaining channel is chosen with the probability that is left
    for (Index c = 0; c < channels; ++c) {
      const std::uint64_t draw = mix_bits(seed + static_cast<std::uint64_t>(n * channels + c));
      if (draw % static_cast<std::uint64_t>(channels - c) < static_cast<std::uint64_t>(left)) {
        open[c] = 1;
        --left;
      }
    }
  }
}

/// Times both ways, round by round in turn. `forward(layer, open, workspace)` computes a batch.
template <class Layer, class Forward>
[[nodiscard]] gated_crossover measure_crossover(const Layer& measured, Index in, Index out,
                                                const gated_crossover_options& options,
                                                const Forward& forward) {
  if (options.samples < 1 || options.rounds < 1 || options.open.empty())
    throw argument_error(
        errc::out_of_range,
        concat("measure_gated_crossover: ", options.samples, " samples, ", options.rounds,
               " rounds, ", options.open.size(), " shares; all must be at least 1"));
  double last = 0;
  for (const double open : options.open) {
    if (!(open > last && open <= 1))
      throw argument_error(errc::out_of_range,
                           concat("measure_gated_crossover: an open share of ", open, " behind ",
                                  last, "; expected ascending shares above 0 and up to 1"));
    last = open;
  }
  using clock = std::chrono::steady_clock;
  Layer gathering = measured, whole = measured;
  gathering.set_options({.dense_from = std::numeric_limits<double>::infinity()});
  whole.set_options({.dense_from = 0});
  auto work = measured.make_workspace();
  std::vector<std::uint8_t> inputs(static_cast<std::size_t>(options.samples * in));
  std::vector<std::uint8_t> outputs(static_cast<std::size_t>(options.samples * out));
  const open_channels flags{inputs.data(), outputs.data()};
  const auto seconds = [&](const Layer& way) {
    const clock::time_point start = clock::now();
    static_cast<void>(forward(way, flags, work));
    return std::max(std::chrono::duration<double>(clock::now() - start).count(), 1e-9);
  };
  gated_crossover result;
  for (const double open : options.open) {
    const auto opened = [open](Index channels) {
      return std::max<Index>(static_cast<Index>(open * static_cast<double>(channels) + 0.5), 1);
    };
    open_some(inputs, options.samples, in, opened(in), 1);
    open_some(outputs, options.samples, out, opened(out), 2);
    gated_timing timing{forward(gathering, flags, work).share(), 1e9, 1e9};
    static_cast<void>(forward(whole, flags, work));  // caches are warm for both
    for (Index round = 0; round < options.rounds; ++round) {
      timing.gathered = std::min(timing.gathered, seconds(gathering));
      timing.dense = std::min(timing.dense, seconds(whole));
    }
    result.timings.push_back(timing);
  }
  result.dense_from = crossover_of(result.timings);
  return result;
}

}  // namespace detail

/// Measures on this machine from which open share on a layer should be computed dense. To be done
/// once a layer and machine; the result goes into `set_options`. Weights and images are zeros and
/// the open channels pseudo-random, others in every sample.
///
///     const prunus::gated_crossover crossover = prunus::measure_gated_crossover(convolution);
///     convolution.set_options(crossover.options());
///
/// Cost: (rounds + 1) batches a share, both ways; allocates.
/// @throws argument_error (out_of_range: no samples, rounds or shares; shares that do not ascend)
template <std::floating_point S>
[[nodiscard]] gated_crossover measure_gated_crossover(const gated_convolution<S>& measured,
                                                      const gated_crossover_options& options = {}) {
  const convolution_shape& s = measured.shape();
  const Index samples = std::max<Index>(options.samples, 1);
  const std::vector<S> x(static_cast<std::size_t>(samples * s.in_size()));
  const std::vector<S> weights(static_cast<std::size_t>(s.weight_size()));
  std::vector<S> y(static_cast<std::size_t>(samples * s.out_size()));
  return detail::measure_crossover(
      measured, s.in_channels, s.out_channels, options,
      [&](const gated_convolution<S>& way, const open_channels& open, auto& work) {
        return way.forward(x.data(), weights.data(), {}, y.data(), samples, open, work);
      });
}
template <std::floating_point S>
[[nodiscard]] gated_crossover measure_gated_crossover(const gated_linear<S>& measured,
                                                      const gated_crossover_options& options = {}) {
  const linear_shape& s = measured.shape();
  const Index samples = std::max<Index>(options.samples, 1);
  const std::vector<S> x(static_cast<std::size_t>(samples * s.in));
  const std::vector<S> weights(static_cast<std::size_t>(s.in * s.out));
  std::vector<S> y(static_cast<std::size_t>(samples * s.out));
  return detail::measure_crossover(
      measured, measured.in_channels(), s.out, options,
      [&](const gated_linear<S>& way, const open_channels& open, auto& work) {
        return way.forward(x.data(), weights.data(), {}, y.data(), samples, open, work);
      });
}

}  // namespace v0
}  // namespace prunus

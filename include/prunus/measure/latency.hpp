// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/measure/detail/order_statistics.hpp>
#include <prunus/runtime/denormal_guard.hpp>

#include <algorithm>    // std::max, std::min, std::sort
#include <array>        // std::array
#include <atomic>       // std::atomic_signal_fence
#include <chrono>       // std::chrono::steady_clock, std::chrono::duration
#include <cmath>        // std::ceil
#include <concepts>     // std::invocable
#include <cstddef>      // std::ptrdiff_t, std::size_t
#include <cstdint>      // std::uint64_t
#include <limits>       // std::numeric_limits
#include <memory>       // std::addressof
#include <span>         // std::span
#include <type_traits>  // std::invoke_result_t, std::is_function_v, std::is_void_v
#include <utility>      // std::swap
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// How long to look at a clock. The two limits are wall time, warm-up and all candidates included.
struct latency_options {
  std::ptrdiff_t warm_up = 3;       ///< calls before the clock counts, at least 1
  std::ptrdiff_t repetitions = 30;  ///< timed repetitions of each candidate, at least 1
  double minimum_seconds = 0.2;     ///< go on repeating until so much time has passed, >= 0
  double maximum_seconds = 10.0;    ///< stop early, after one repetition at least, > 0
};

/// The time of one call, over repetitions, in seconds. The median is the number to quote; the
/// distance between the quartiles tells how noisy the machine was.
struct latency {
  double median = 0;
  double minimum = 0;
  double lower_quartile = 0;
  double upper_quartile = 0;
  std::ptrdiff_t repetitions = 0;  ///< how many times were taken; fewer than asked if time ran out
  std::ptrdiff_t calls_per_repetition = 0;  ///< more than 1 where a call is too short for a clock
};

/// A candidate's time as a fraction of the baseline's: below 1 the candidate is faster.
struct latency_comparison {
  latency baseline;
  latency candidate;
  double ratio = 1;  ///< of the medians
  double lower = 1;  ///< from here ...
  double upper = 1;  ///< ... to here the ratio lies, at about 95 %

  /// How far the ratio may be off, on its wider side: 0.03 is 3 % of the baseline's time.
  [[nodiscard]] double noise() const noexcept { return std::max(upper - ratio, ratio - lower); }
};

namespace detail {

/// A repetition shorter than this is mostly the clock's own time, so calls are grouped.
inline constexpr double shortest_repetition = 20e-6;

/// Makes the compiler believe that the value is read, so that the work behind it is not dropped.
template <class Value>
void keep_result(const Value& value) noexcept {
#if defined(__GNUC__)
  __asm__ __volatile__("" : : "r"(std::addressof(value)) : "memory");
#else
  const void* const volatile address = std::addressof(value);
  static_cast<void>(address);
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

/// A callable without its type, and the times taken of it.
struct timed_callable {
  void* object = nullptr;
  void (*call)(void* object, std::ptrdiff_t times) = nullptr;
  std::ptrdiff_t calls_per_repetition = 1;
  std::vector<double> seconds;  // per call, one entry a repetition
};

template <class Callable>
void call_repeatedly(void* object, std::ptrdiff_t times) {
  auto& callable = *reinterpret_cast<Callable*>(object);
  for (std::ptrdiff_t i = 0; i < times; ++i) {
    if constexpr (std::is_void_v<std::invoke_result_t<Callable&>>) {
      callable();
    } else {
      keep_result(callable());
    }
  }
}

template <class Callable>
[[nodiscard]] timed_callable timed(Callable& callable) {
  void* object = nullptr;
  if constexpr (std::is_function_v<Callable>) {
    object = reinterpret_cast<void*>(&callable);
  } else {  // call_repeatedly gives the const back
    object = const_cast<void*>(static_cast<const void*>(std::addressof(callable)));
  }
  return {object, &call_repeatedly<Callable>, 1, {}};
}

template <class = compiled_on_use>
void check_latency_options(const latency_options& options) {
  const auto fail = [](const char* what, auto came) {
    throw argument_error(errc::out_of_range,
                         concat("measure_latency: latency_options: ", what, ", got ", came));
  };
  if (options.warm_up < 1) fail("warm_up must be at least 1", options.warm_up);
  if (options.repetitions < 1) fail("repetitions must be at least 1", options.repetitions);
  if (!(options.minimum_seconds >= 0)) {
    fail("minimum_seconds must be 0 or more", options.minimum_seconds);
  }
  if (!(options.maximum_seconds > 0 && options.maximum_seconds >= options.minimum_seconds)) {
    fail("maximum_seconds must be positive and not below minimum_seconds", options.maximum_seconds);
  }
}

template <class Clock>
[[nodiscard]] double seconds_since(typename Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Seconds per call.
template <class Clock>
[[nodiscard]] double time_of(const timed_callable& candidate) {
  const auto begin = Clock::now();
  candidate.call(candidate.object, candidate.calls_per_repetition);
  return seconds_since<Clock>(begin) / static_cast<double>(candidate.calls_per_repetition);
}

/// Calls every candidate in turns and finds from the fastest call how many make a repetition.
template <class Clock>
void warm_up(std::span<timed_callable> candidates, const latency_options& options,
             typename Clock::time_point begin) {
  std::vector<double> fastest(candidates.size(), std::numeric_limits<double>::max());
  for (std::ptrdiff_t round = 0; round < options.warm_up; ++round) {
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      fastest[i] = std::min(fastest[i], time_of<Clock>(candidates[i]));
    }
    if (seconds_since<Clock>(begin) >= options.maximum_seconds) break;
  }
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const double calls = std::ceil(shortest_repetition / std::max(fastest[i], 1e-9));
    candidates[i].calls_per_repetition = static_cast<std::ptrdiff_t>(std::max(calls, 1.0));
  }
}

/// The order of the next round: a shuffle by a small congruential generator (Knuth's constants), so
/// that no candidate always runs after the same neighbour and finds the caches as that one left
/// them.
inline void shuffle(std::span<std::size_t> order, std::uint64_t& state) {
  for (std::size_t i = order.size(); i > 1; --i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    std::swap(order[i - 1], order[(state >> 33U) % i]);
  }
}

/// Times the candidates round by round, each once a round.
template <class Clock>
void time_in_turns(std::span<timed_callable> candidates, const latency_options& options) {
  check_latency_options(options);
  const denormal_guard guard;
  const auto begin = Clock::now();
  warm_up<Clock>(candidates, options, begin);
  std::vector<std::size_t> order(candidates.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::uint64_t state = 0;
  for (std::ptrdiff_t round = 1;; ++round) {
    shuffle(order, state);
    for (const std::size_t i : order) {
      candidates[i].seconds.push_back(time_of<Clock>(candidates[i]));
    }
    const double passed = seconds_since<Clock>(begin);
    if (passed >= options.maximum_seconds) break;
    if (round >= options.repetitions && passed >= options.minimum_seconds) break;
  }
}

template <class Number = double>
[[nodiscard]] latency summary_of(const timed_callable& timed) {
  std::vector<Number> ascending = timed.seconds;
  std::sort(ascending.begin(), ascending.end());
  return {.median = quantile(ascending, 0.5),
          .minimum = ascending.front(),
          .lower_quartile = quantile(ascending, 0.25),
          .upper_quartile = quantile(ascending, 0.75),
          .repetitions = static_cast<std::ptrdiff_t>(ascending.size()),
          .calls_per_repetition = timed.calls_per_repetition};
}

/// What disturbed the machine in a round disturbed both, so the interval is of ratios by round.
template <class Number = double>
[[nodiscard]] latency_comparison comparison_of(const timed_callable& baseline,
                                               const timed_callable& candidate) {
  latency_comparison result{.baseline = summary_of(baseline), .candidate = summary_of(candidate)};
  std::vector<Number> ratios(baseline.seconds.size());
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    ratios[i] = candidate.seconds[i] / baseline.seconds[i];
  }
  std::sort(ratios.begin(), ratios.end());
  const sample_range range = median_interval(ratios);
  result.ratio = result.candidate.median / result.baseline.median;
  result.lower = std::min(range.lower, result.ratio);
  result.upper = std::max(range.upper, result.ratio);
  return result;
}

}  // namespace detail

/// Measures how long a call takes: warms up, then repeats, each repetition under the clock.
///
/// Calls too short for a clock are grouped, about 20 microseconds a repetition, and each group
/// counts as one time. Denormals are flushed on the calling thread meanwhile (denormal_guard);
/// threads that the callable starts flush theirs themselves. What the callable returns is kept from
/// the optimiser; a callable that returns nothing must leave its work in memory others can see.
///
/// @param callable called without arguments, `warm_up` times and then again and again
/// @return the quartiles of the time of one call, in seconds
/// @throws argument_error out_of_range: an option outside its range; nothing has been called then
template <class Clock = std::chrono::steady_clock, std::invocable Callable>
[[nodiscard]] latency measure_latency(Callable&& callable, const latency_options& options = {}) {
  std::array candidates{detail::timed(callable)};
  detail::time_in_turns<Clock>(candidates, options);
  return detail::summary_of(candidates.front());
}

/// Measures several candidates against the first, in turns: every round times each of them once, in
/// changing order, so that a machine that slows down slows them all. They also compete for the
/// caches as they do not when measured alone.
///
/// @return for each candidate after the baseline, in order: both times, the ratio of their medians
///         and the interval it lies in, from the ratios of the single rounds
/// @throws as measure_latency
template <class Clock = std::chrono::steady_clock, std::invocable Baseline,
          std::invocable... Candidates>
  requires(sizeof...(Candidates) > 0)
[[nodiscard]] std::array<latency_comparison, sizeof...(Candidates)> compare_latencies(
    const latency_options& options, Baseline&& baseline, Candidates&&... candidates) {
  std::array all{detail::timed(baseline), detail::timed(candidates)...};
  detail::time_in_turns<Clock>(all, options);
  std::array<latency_comparison, sizeof...(Candidates)> results;
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i] = detail::comparison_of(all[0], all[i + 1]);
  }
  return results;
}

/// One candidate against a baseline; see compare_latencies.
template <class Clock = std::chrono::steady_clock, std::invocable Baseline,
          std::invocable Candidate>
[[nodiscard]] latency_comparison compare_latency(Baseline&& baseline, Candidate&& candidate,
                                                 const latency_options& options = {}) {
  return compare_latencies<Clock>(options, baseline, candidate).front();
}

}  // namespace v0
}  // namespace prunus

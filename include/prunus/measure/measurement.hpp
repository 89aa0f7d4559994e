// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>

#include <cmath>     // std::isfinite
#include <optional>  // std::optional
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {

/// The time of one forward pass on so many threads.
struct thread_latency {
  int threads = 1;
  double seconds = 0;
};

/// What a network costs and how well it does, in plain numbers; leave out what was not measured.
struct measurement {
  std::optional<double> accuracy = {};    ///< fraction of right answers, in [0, 1]
  std::optional<double> macs = {};        ///< multiply-accumulate operations of one input, >= 0
  std::optional<double> parameters = {};  ///< numbers learned, >= 0
  std::optional<double> bytes = {};       ///< memory of the parameters, >= 0
  std::vector<thread_latency> latencies = {};  ///< each number of threads at most once

  /// Seconds on that many threads, where they were measured.
  [[nodiscard]] std::optional<double> seconds(int threads) const {
    for (const thread_latency& entry : latencies) {
      if (entry.threads == threads) return entry.seconds;
    }
    return std::nullopt;
  }
};

namespace detail {

/// @throws argument_error out_of_range, duplicate_name; `whose` says which measurement it is
template <class = compiled_on_use>
void check_measurement(const measurement& measured, const char* whose) {
  const auto fail = [&](const char* what, double came) {
    throw argument_error(errc::out_of_range,
                         concat("measurement: ", whose, ": ", what, ", got ", came));
  };
  const auto is_count = [](double value) { return std::isfinite(value) && value >= 0; };
  const auto& [accuracy, macs, parameters, bytes, latencies] = measured;
  if (accuracy && !(*accuracy >= 0 && *accuracy <= 1)) {
    fail("accuracy must be a fraction in [0, 1]", *accuracy);
  }
  if (macs && !is_count(*macs)) fail("macs must be finite and not negative", *macs);
  if (parameters && !is_count(*parameters)) {
    fail("parameters must be finite and not negative", *parameters);
  }
  if (bytes && !is_count(*bytes)) fail("bytes must be finite and not negative", *bytes);
  for (auto entry = latencies.begin(); entry != latencies.end(); ++entry) {
    if (entry->threads < 1) fail("threads must be at least 1", entry->threads);
    if (!(std::isfinite(entry->seconds) && entry->seconds > 0)) {
      fail("seconds must be finite and positive", entry->seconds);
    }
    for (auto earlier = latencies.begin(); earlier != entry; ++earlier) {
      if (earlier->threads == entry->threads) {
        throw argument_error(errc::duplicate_name,
                             concat("measurement: ", whose, ": the latency with ", entry->threads,
                                    " threads is given twice; leave one out"));
      }
    }
  }
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus

// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/schedule/schedule.hpp>

#include <cmath>  // std::pow

namespace prunus {
inline namespace v0 {

/// Prunes when the training has become accurate enough: event k = 1, ..., n at the first accuracy
/// of at least begin + (k - 1) (end - begin) / n. The events share the final sparsity
/// geometrically, the first one taking most: event k adds final_sparsity (1 - decay)^(k-1) / sum_q
/// (1 - decay)^(q-1).
///
///     scheduler.step({.step = step + 1, .epoch = epoch + 1, .accuracy = training_accuracy});
///
/// Calls of the scheduler without an accuracy prune nothing, so that it may be stepped after every
/// minibatch and told the accuracy at the end of an epoch. The scheduler never takes an event back
/// when the accuracy falls again, as it does after pruning.
/// @source T. Ganguli, E. K. P. Chong, "Activation-Based Pruning of Neural Networks", Algorithms
/// 17(1):48, 2024, doi:10.3390/a17010048; thresholds, split and values are the authors' code
/// @deviation an accuracy that passes several thresholds at once sets off one event with the target
/// of the last of them, where the authors' code carries out one event an epoch
struct accuracy_steps {
  double begin = 0.80;  ///< accuracy of the first event, in [0, 1]
  double end = 0.98;    ///< accuracy at which one more event would follow, in (begin, 1]
  Index count = 5;      ///< number of events, at least 1
  double final_sparsity = 0.8;
  double decay = 0.2;  ///< what each share is smaller than the one before, in [0, 1)

  [[nodiscard]] Index events(const progress& now) const noexcept {
    Index passed = 0;
    while (passed < count && now.accuracy >= threshold(passed + 1)) ++passed;
    return passed;
  }
  [[nodiscard]] double target(Index event) const noexcept {
    if (event >= count) return final_sparsity;
    return final_sparsity * shares(event) / shares(count);
  }
  /// Accuracy that sets off event 1, 2, ..., count.
  [[nodiscard]] double threshold(Index event) const noexcept {
    return begin + static_cast<double>(event - 1) * (end - begin) / static_cast<double>(count);
  }
  [[nodiscard]] Index last() const noexcept { return count; }
  void check() const {
    detail::check_target("accuracy_steps", "final_sparsity", final_sparsity);
    if (!(begin >= 0 && end > begin && end <= 1) || count < 1 || !(decay >= 0 && decay < 1))
      throw argument_error(
          errc::out_of_range,
          detail::concat("accuracy_steps: begin ", begin, ", end ", end, ", count ", count,
                         ", decay ", decay,
                         "; needed are 0 <= begin < end <= 1, count >= 1, 0 <= decay < 1"));
  }

 private:
  /// Sum of the first `events` shares, in units of the first.
  [[nodiscard]] double shares(Index events) const noexcept {
    const double terms = static_cast<double>(events);
    return decay > 0 ? (1 - std::pow(1 - decay, terms)) / decay : terms;
  }
};

static_assert(schedule<accuracy_steps>);

}  // namespace v0
}  // namespace prunus

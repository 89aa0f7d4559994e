// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/runtime/executed_work.hpp>

#include <Eigen/Core>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <span>     // std::span
#include <string>   // std::string
#include <utility>  // std::move
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {

/// How often each channel of a gated layer was open, and what the layer and its gate cost. Gathered
/// batch by batch; statistics of parts add up to those of the whole.
///
///     prunus::gate_statistics statistics("conv2.weight", 64);
///     statistics.record(open);            // samples x 64 flags
///     statistics.record(run, gate.macs() * samples);
class gate_statistics {
 public:
  gate_statistics() = default;
  /// `name`: of the weight whose output channels are gated.
  /// @throws argument_error (out_of_range) for fewer than one channel
  gate_statistics(std::string name, Index channels) : name_(std::move(name)) {
    if (channels < 1)
      throw argument_error(errc::out_of_range,
                           detail::concat("gate_statistics: ", name_, " with ", channels,
                                          " channels; it needs at least 1"));
    opened_.resize(static_cast<std::size_t>(channels));
  }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] Index channels() const noexcept { return static_cast<Index>(opened_.size()); }
  [[nodiscard]] Index samples() const noexcept { return samples_; }
  /// What the layer executed, and what its gate did for it.
  [[nodiscard]] const executed_work& work() const noexcept { return work_; }
  [[nodiscard]] Index gate_macs() const noexcept { return gate_macs_; }

  /// One byte a channel and sample, not 0 where it was open. Nothing is allocated.
  /// @throws shape_error (shape_mismatch: no whole samples)
  template <class = compiled_on_use>
  void record(std::span<const std::uint8_t> open) {
    if (opened_.empty() || open.size() % opened_.size() != 0)
      throw shape_error(errc::shape_mismatch,
                        detail::concat("gate_statistics: ", open.size(), " flags for samples of ",
                                       opened_.size(), " channels of ", name_));
    for (std::size_t i = 0; i < open.size(); ++i)
      opened_[i % opened_.size()] += open[i] != 0 ? 1 : 0;
    samples_ += static_cast<Index>(open.size() / opened_.size());
  }
  void record(const executed_work& run, Index gate_macs) noexcept {
    work_ += run;
    gate_macs_ += gate_macs;
  }

  /// Share of the samples in which channel c was open, 0 to 1; 1 before the first sample.
  [[nodiscard]] double open_share(Index c) const {
    return samples_ == 0 ? 1.0
                         : static_cast<double>(opened_[static_cast<std::size_t>(c)]) /
                               static_cast<double>(samples_);
  }
  /// Mean over the channels of `open_share`.
  [[nodiscard]] double mean_open_share() const {
    double sum = 0;
    for (Index c = 0; c < channels(); ++c) sum += open_share(c);
    return channels() == 0 ? 1.0 : sum / static_cast<double>(channels());
  }
  /// Channels that were open in less than `share` of the samples, ascending.
  [[nodiscard]] std::vector<Index> rarely_open(double share) const {
    std::vector<Index> found;
    for (Index c = 0; c < channels(); ++c)
      if (open_share(c) < share) found.push_back(c);
    return found;
  }

  /// Adds what others saw of the same layer.
  /// @throws shape_error (shape_mismatch: another name or number of channels)
  gate_statistics& operator+=(const gate_statistics& other) {
    if (other.name_ != name_ || other.channels() != channels())
      throw shape_error(errc::shape_mismatch,
                        detail::concat("gate_statistics: ", other.name_, " of ", other.channels(),
                                       " channels added to ", name_, " of ", channels()));
    for (std::size_t c = 0; c < opened_.size(); ++c) opened_[c] += other.opened_[c];
    samples_ += other.samples_;
    record(other.work_, other.gate_macs_);
    return *this;
  }
  /// Forgets everything but name and size.
  void clear() noexcept {
    for (Index& count : opened_) count = 0;
    samples_ = gate_macs_ = 0;
    work_ = {};
  }

  friend bool operator==(const gate_statistics&, const gate_statistics&) = default;

 private:
  std::string name_;
  std::vector<Index> opened_;  // samples, for each channel
  Index samples_ = 0;
  executed_work work_;
  Index gate_macs_ = 0;
};

}  // namespace v0
}  // namespace prunus

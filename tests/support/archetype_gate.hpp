// SPDX-License-Identifier: MIT
#pragma once

// A gate of somebody else: what the concepts promise and nothing else, and it cannot be copied.

#include <prunus/adaptive/gate.hpp>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <span>     // std::span
#include <vector>   // std::vector

namespace support {

/// Opens the channels of the parity that the sum of the first open feature's plane falls on, and
/// rectifies them.
template <class S>
class archetype_gate {
 public:
  archetype_gate(prunus::Index features, prunus::Index channels)
      : features_(features), channels_(channels) {}
  archetype_gate(archetype_gate&&) = default;
  archetype_gate(const archetype_gate&) = delete;
  archetype_gate& operator=(archetype_gate&&) = default;
  archetype_gate& operator=(const archetype_gate&) = delete;

  [[nodiscard]] prunus::Index features() const { return features_; }
  [[nodiscard]] prunus::Index channels() const { return channels_; }
  [[nodiscard]] prunus::Index macs() const { return 0; }
  [[nodiscard]] prunus::Index scratch_size() const { return 1; }
  void decide(const prunus::feature_maps<S>& x, std::span<std::uint8_t> open,
              std::span<S> scratch) const {
    S sum = 0;
    prunus::Index first = 0;
    while (first + 1 < x.channels && !x.is_open(first)) ++first;
    for (prunus::Index p = 0; x.is_open(first) && p < x.plane; ++p) sum += x.plane_of(first)[p];
    scratch[0] = sum;
    for (std::size_t c = 0; c < open.size(); ++c) open[c] = (c % 2 == 0) == (sum > 0) ? 1 : 0;
  }
  void shape(std::span<const std::uint8_t> open, std::span<const S>, S* values,
             prunus::Index plane) const {
    for (prunus::Index i = 0; i < channels_ * plane; ++i)
      if (open[static_cast<std::size_t>(i / plane)] != 0 && values[i] < 0) values[i] = 0;
  }

 private:
  prunus::Index features_, channels_;
};

/// The same with one parameter, a factor of the open channels.
template <class S>
class archetype_trainable_gate {
 public:
  archetype_trainable_gate(prunus::Index features, prunus::Index channels)
      : decision_(features, channels) {}

  [[nodiscard]] prunus::Index features() const { return decision_.features(); }
  [[nodiscard]] prunus::Index channels() const { return decision_.channels(); }
  [[nodiscard]] prunus::Index macs() const { return decision_.macs(); }
  [[nodiscard]] prunus::Index scratch_size() const { return decision_.scratch_size(); }
  void decide(const prunus::feature_maps<S>& x, std::span<std::uint8_t> open,
              std::span<S> scratch) const {
    decision_.decide(x, open, scratch);
  }
  void shape(std::span<const std::uint8_t> open, std::span<const S> scratch, S* values,
             prunus::Index plane) const {
    decision_.shape(open, scratch, values, plane);
    for (prunus::Index i = 0; i < channels() * plane; ++i)
      if (open[static_cast<std::size_t>(i / plane)] != 0) values[i] *= values_[0];
  }
  [[nodiscard]] std::span<S> values() { return values_; }
  [[nodiscard]] std::span<S> gradient() { return gradient_; }
  void backward(const prunus::feature_maps<S>&, std::span<const std::uint8_t> open,
                std::span<const S>, const S* before, const S* y_gradient, prunus::Index plane,
                const prunus::gate_pressure<S>&, S* gradient, S*) {
    for (prunus::Index i = 0; i < channels() * plane; ++i) {
      const bool passes = open[static_cast<std::size_t>(i / plane)] != 0 && before[i] > 0;
      const S d = passes ? y_gradient[i] : S(0);
      gradient_[0] += d * before[i];
      gradient[i] = d * values_[0];
    }
  }

 private:
  archetype_gate<S> decision_;
  std::vector<S> values_{S(1)}, gradient_{S(0)};
};

static_assert(prunus::gate<archetype_gate<float>, float> &&
              !prunus::trainable_gate<archetype_gate<float>, float>);
static_assert(prunus::trainable_gate<archetype_trainable_gate<float>, float> &&
              prunus::trainable_gate<archetype_trainable_gate<double>, double>);

}  // namespace support

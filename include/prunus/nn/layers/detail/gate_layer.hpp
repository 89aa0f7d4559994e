// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/adaptive/gate.hpp>
#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/nn/layers/detail/layer_context.hpp>

#include <Eigen/Core>

#include <algorithm>  // std::copy_n, std::fill_n
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <memory>     // std::shared_ptr
#include <optional>   // std::optional
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Which channels of a node's result are open: a byte for each channel of each sample.
struct open_flags {
  std::vector<std::uint8_t> flags;
  Index channels = 0;

  [[nodiscard]] static const std::uint8_t* of(const open_flags* open, Index sample) noexcept {
    return open == nullptr ? nullptr : open->flags.data() + sample * open->channels;
  }
  /// Share of a sample that is open; all of it where nothing can be closed.
  [[nodiscard]] static double share(const open_flags* open, Index sample) noexcept {
    if (open == nullptr) return 1;
    Index count = 0;
    for (Index c = 0; c < open->channels; ++c) count += of(open, sample)[c] != 0 ? 1 : 0;
    return static_cast<double>(count) / static_cast<double>(open->channels);
  }
};

/// What a gate does when training; hides the type of the gate.
template <class S>
class training_gate {
 public:
  virtual ~training_gate() = default;
  virtual void forward(const layer_ports<S>& ports, const sample_block<S>& block) = 0;
  virtual void backward(const layer_ports<S>& ports, const sample_block<S>& block) = 0;
};

/// A gate in the place of the rectifier behind a convolution. Reads what is gated, and behind it
/// what the gate looks at where that is something else. Training computes all channels and masks
/// the closed ones; at inference the convolution does its work. What gates learn is summed by one
/// thread.
template <class S>
struct gate_layer {
  std::shared_ptr<training_gate<S>> gate;

  /// No operation: whoever wants gates puts them in.
  [[nodiscard]] static std::optional<gate_layer> made_for(const layer_context<S>&) { return {}; }
  [[nodiscard]] layer_traits traits() const noexcept {
    return {.joins_convolution = true, .whole_batch_backward = true};
  }
  [[nodiscard]] Index scratch_size() const noexcept { return 0; }
  void forward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    gate->forward(ports, block);
  }
  void backward(const layer_ports<S>& ports, const sample_block<S>& block) const {
    gate->backward(ports, block);
  }
};

/// A gate with what it decided for the samples of a batch.
template <class S, class Gate>
class batch_gate final : public training_gate<S> {
 public:
  /// @param seen what the gate looks at, and which of its channels may be closed
  /// @param plane numbers that a flag opens or closes
  batch_gate(Gate its_gate, const tensor_shape& seen, const open_flags* open_seen, Index plane)
      : gate(std::move(its_gate)), seen_(seen), open_seen_(open_seen), plane_(plane) {
    open.channels = gate.channels();
  }

  void reserve(Index batch) {
    const auto grow = [](auto& values, Index size) {
      if (values.size() < static_cast<std::size_t>(size))
        values.resize(static_cast<std::size_t>(size));
    };
    grow(open.flags, batch * gate.channels());
    grow(scratch_, batch * gate.scratch_size());
    grow(pressure, batch);
  }

  /// For samples from `first` on, the features of the first at `seen`.
  void decide(const S* seen, Index first, Index count) {
    for (Index n = first; n < first + count; ++n, seen += seen_.size())
      gate.decide(features(seen, n), flags_of(n), scratch_of(n));
  }
  /// Zeroes the closed planes of samples from `first` on, which lie at y.
  void close(S* y, Index first, Index count) const noexcept {
    const std::uint8_t* const flags = open_flags::of(&open, first);
    for (Index k = 0; k < count * open.channels; ++k)
      if (flags[k] == 0) std::fill_n(y + k * plane_, plane_, S(0));
  }
  void shape(S* y, Index first, Index count) {
    for (Index n = first; n < first + count; ++n, y += open.channels * plane_)
      gate.shape(std::span<const std::uint8_t>(flags_of(n)), std::span<const S>(scratch_of(n)), y,
                 plane_);
  }

  void forward(const layer_ports<S>& ports, const sample_block<S>& block) override {
    S* const y = ports.out.value_of(block.first);
    std::copy_n(ports.in[0].value_of(block.first), block.count * ports.out.size(), y);
    decide(ports.in.back().value_of(block.first), block.first, block.count);
    close(y, block.first, block.count);
    shape(y, block.first, block.count);
  }

  void backward(const layer_ports<S>& ports, const sample_block<S>& block) override {
    const layer_port<S>&before = ports.in[0], &seen = ports.in.back();
    if (ports.in.size() > 1 && seen.gradient != nullptr && !seen.accumulate)
      std::fill_n(seen.gradient_of(block.first), block.count * seen.size(), S(0));
    for (Index n = block.first; n < block.end(); ++n)
      gate.backward(features(seen.value_of(n), n), flags_of(n), std::span<const S>(scratch_of(n)),
                    before.value_of(n), ports.out.gradient_of(n), plane_,
                    pressure[static_cast<std::size_t>(n)], before.gradient_of(n),
                    seen.gradient == nullptr ? nullptr : seen.gradient_of(n));
  }

  Gate gate;
  open_flags open;
  std::vector<gate_pressure<S>> pressure;  // of each sample, what it is to feel beside the loss

 private:
  [[nodiscard]] feature_maps<S> features(const S* values, Index n) const noexcept {
    return {values, seen_.channels, seen_.plane(), open_flags::of(open_seen_, n)};
  }
  [[nodiscard]] std::span<std::uint8_t> flags_of(Index n) noexcept {
    return std::span(open.flags)
        .subspan(static_cast<std::size_t>(n * open.channels),
                 static_cast<std::size_t>(open.channels));
  }
  [[nodiscard]] std::span<S> scratch_of(Index n) noexcept {
    const std::size_t size = static_cast<std::size_t>(gate.scratch_size());
    return std::span(scratch_).subspan(static_cast<std::size_t>(n) * size, size);
  }

  tensor_shape seen_;
  const open_flags* open_seen_;
  Index plane_;
  std::vector<S> scratch_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus

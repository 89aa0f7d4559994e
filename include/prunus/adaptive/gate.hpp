// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <concepts>  // std::same_as
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint8_t
#include <span>      // std::span

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// Feature maps of one sample: channels x plane, row-major. Closed channels are zero and need not
/// be looked at.
template <class S>
struct feature_maps {
  const S* values = nullptr;
  Index channels = 0;
  Index plane = 1;
  const std::uint8_t* open = nullptr;  ///< one byte a channel, 0 = closed; null: all are open

  [[nodiscard]] bool is_open(Index c) const noexcept { return open == nullptr || open[c] != 0; }
  [[nodiscard]] const S* plane_of(Index c) const noexcept { return values + c * plane; }
};

/// What a gate looks at. A gate that sees the input of a layer decides before the layer runs, so
/// that its closed outputs are never computed. One that sees the output decides afterwards: only
/// the next layer saves work.
///
/// @source our reading of Liu, Yang, Gao, Cheng 2022, Applied Intelligence 52:16818-16831
enum class gate_source : std::uint8_t { input, output };

/// A gate decides for one sample at a time which output channels of a layer are open, and may shape
/// the values of the open ones afterwards.
///
/// Laws: `decide` writes 0 or 1 to all `channels()` bytes of `open`, reads no closed feature, and
/// depends on the features alone. What it leaves in the `scratch_size()` numbers of scratch is what
/// `shape` of the same sample finds there. `shape` touches the planes of open channels only.
/// Neither allocates; threads may share a gate, each with a scratch of its own.
template <class G, class S>
concept gate = requires(const G& g, const feature_maps<S>& features, std::span<std::uint8_t> open,
                        std::span<S> scratch, S* values, Index plane) {
  { g.features() } -> std::same_as<Index>;  // channels that it looks at
  { g.channels() } -> std::same_as<Index>;  // channels that it opens and closes
  { g.macs() } -> std::same_as<Index>;      // multiply-adds of a decision
  { g.scratch_size() } -> std::same_as<Index>;
  g.decide(features, open, scratch);
  g.shape(std::span<const std::uint8_t>(open), std::span<const S>(scratch), values, plane);
};

/// What a training pass wants of a gate beside the loss.
///
/// @source our reading of Liu, Yang, Gao, Cheng 2022, Applied Intelligence 52:16818-16831
template <class S>
struct gate_pressure {
  S lasso = 0;  ///< derivative of the loss by the size of each channel's coefficients
  S open = 0;   ///< derivative of the loss by a channel's being open: of a budget, say
};

/// A gate that learns with the network: `values()` are its parameters, `gradient()` has as many
/// numbers, to which `backward` adds.
///
/// `backward` finds in `scratch` what `decide` left there. `before` and `y_gradient` are channels x
/// plane: what `shape` was given, computed for the closed channels too, and the derivative of the
/// loss by what `shape` made of it. It writes `gradient` (by `before`; may be `y_gradient`) and
/// adds to `features_gradient` (features x plane; null where not wanted).
template <class G, class S>
concept trainable_gate = gate<G, S> &&
    requires(G& g, const feature_maps<S>& features, std::span<const std::uint8_t> open,
             std::span<const S> scratch, const S* before, Index plane,
             const gate_pressure<S>& pressure, S* gradient) {
  { g.values() } -> std::same_as<std::span<S>>;
  { g.gradient() } -> std::same_as<std::span<S>>;
  g.backward(features, open, scratch, before, before, plane, pressure, gradient, gradient);
};

}  // namespace v0
}  // namespace prunus

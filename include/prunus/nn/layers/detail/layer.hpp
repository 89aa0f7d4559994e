// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <concepts>  // std::same_as
#include <cstddef>   // std::size_t
#include <cstdint>   // std::uint64_t
#include <vector>    // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// Where the values of one node lie: sample after sample, each channels x height x width.
template <class S>
struct layer_port {
  tensor_shape shape;
  S* value = nullptr;
  S* gradient = nullptr;    ///< null: nobody needs it
  bool accumulate = false;  ///< another consumer wrote its share of the gradient before

  [[nodiscard]] Index size() const noexcept { return shape.size(); }
  [[nodiscard]] S* value_of(Index sample) const noexcept { return value + sample * size(); }
  [[nodiscard]] S* gradient_of(Index sample) const noexcept { return gradient + sample * size(); }
};

template <class S>
struct layer_ports {
  std::vector<layer_port<S>> in;
  layer_port<S> out;
};

/// A tensor of the network: its values, its gradient, and the shares of the gradient that the
/// shards compute.
template <class S>
struct layer_parameter {
  S* value = nullptr;
  S* gradient = nullptr;
  S* share = nullptr;     ///< of the first shard; null when the gradient is not computed by shards
  Index share_pitch = 0;  ///< from shard to shard

  [[nodiscard]] explicit operator bool() const noexcept { return value != nullptr; }
  [[nodiscard]] S* share_of(Index shard) const noexcept {
    return share == nullptr ? nullptr : share + shard * share_pitch;
  }
};

/// Some consecutive samples of one shard, and what is known while they pass.
template <class S>
struct sample_block {
  Index first = 0;
  Index count = 0;
  Index shard = 0;
  bool starts_shard = true;  ///< shares of gradients are written, not added to
  bool training = false;
  std::uint64_t step = 0;  ///< forward passes in training mode before this one
  Index worker = 0;        ///< the thread that does it
  S* scratch = nullptr;    ///< of this thread, as large as the greediest layer asked for

  [[nodiscard]] Index end() const noexcept { return first + count; }
};

/// What the executor must know of a layer; what a layer does not state does not hold for it.
struct layer_traits {
  bool reshapes = false;              ///< same numbers, same order
  std::size_t overwrites = 0;         ///< the result may overwrite one of so many first inputs
  bool backward_in_place = false;     ///< the gradient of an input may overwrite that of the result
  bool needs_result = false;          ///< to compute its gradient
  bool is_relu = false;               ///< the layer before may do it
  bool fuses_relu = false;            ///< has a member `relu`, true where it does the next layer's
  bool normalizes_batch = false;      ///< gathers statistics of the whole batch first
  bool folds_normalization = false;   ///< does the one behind it at inference
  bool reads_all_weights = false;     ///< for each run of samples, so that it wants many at once
  bool joins_convolution = false;     ///< at inference the convolution before does its work
  bool whole_batch_backward = false;  ///< one thread calls it with all samples
};

/// What a layer must be. `L::made_for(context)` is std::optional<L>, nothing where the node is
/// another layer's.
template <class L, class S>
concept layer = requires(L& l, const L& c, const layer_ports<S>& ports,
                         const sample_block<S>& block) {
  { c.traits() } -> std::same_as<layer_traits>;
  { c.scratch_size() } -> std::same_as<Index>;  // numbers, for one thread
  c.forward(ports, block);
  c.backward(ports, block);
};

/// Writes or adds a share of a gradient, value by value; `value_at(i)` is the i-th.
template <class S, class F>
inline void contribute(S* gradient, bool accumulate, Index size, const F& value_at) {
  if (accumulate)
    for (Index i = 0; i < size; ++i) gradient[i] += value_at(i);
  else
    for (Index i = 0; i < size; ++i) gradient[i] = value_at(i);
}

}  // namespace detail
}  // namespace v0
}  // namespace prunus

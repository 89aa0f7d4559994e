// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/nn/layers/detail/layer.hpp>
#include <prunus/nn/layers/detail/node_parameter.hpp>
#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <optional>     // std::optional
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The gradients of which every shard computes a share, to be summed when all are done.
template <class S>
class gradient_shares {
 public:
  struct gradient {
    S* sum;
    Index size, pitch;  // from shard to shard
    Eigen::Array<S, Eigen::Dynamic, 1> shares;
  };

  explicit gradient_shares(Index shards) : shards_(shards) {}

  /// Makes room for the shares of a gradient.
  [[nodiscard]] layer_parameter<S> share(layer_parameter<S> whole, Index size) {
    constexpr Index line = 64 / static_cast<Index>(sizeof(S));
    gradient& one = gradients_.emplace_back();
    one.sum = whole.gradient;
    one.size = size;
    one.pitch = (size + line - 1) / line * line;
    one.shares.setZero(one.pitch * shards_);
    whole.share = one.shares.data();
    whole.share_pitch = one.pitch;
    return whole;
  }
  [[nodiscard]] std::vector<gradient>& all() noexcept { return gradients_; }

 private:
  Index shards_;
  std::vector<gradient> gradients_;
};

/// The node that a layer is made for, and the tensors that it may ask for. The names are those of
/// the graph, the memory is the model's.
template <class S>
class layer_context {
 public:
  layer_context(const resolved_graph& graph, std::size_t node, const model<S>& tensors,
                gradient_shares<S>& shares, std::uint64_t seed)
      : graph_(graph), node_(node), tensors_(tensors), shares_(shares), seed_(seed) {}

  [[nodiscard]] std::size_t node() const noexcept { return node_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }
  template <class Operation>
  [[nodiscard]] const Operation* as() const noexcept {
    return here().operation.template as<Operation>();
  }
  template <class Operation>
  [[nodiscard]] bool is() const noexcept {
    return here().operation.template is<Operation>();
  }
  /// What `make(operation)` returns where the node's operation is an Operation, else nothing.
  template <class Operation, class F>
  [[nodiscard]] auto when(const F& make) const {
    const Operation* const op = as<Operation>();
    return op == nullptr ? std::nullopt : std::optional(make(*op));
  }
  [[nodiscard]] const tensor_shape& in(std::size_t k = 0) const {
    return graph_.nodes[here().inputs[k]].shape;
  }

  /// A tensor of the node, or none where it has none of that name.
  [[nodiscard]] layer_parameter<S> parameter(std::string_view suffix) const {
    const prunus::parameter<S>* p = find(suffix);
    return p == nullptr ? layer_parameter<S>{}
                        : layer_parameter<S>{p->weight.data, p->options.gradient.data};
  }
  /// The same, where shards are to compute shares of its gradient.
  [[nodiscard]] layer_parameter<S> shared_parameter(std::string_view suffix) const {
    const prunus::parameter<S>* p = find(suffix);
    return p == nullptr ? layer_parameter<S>{} : shares_.share(parameter(suffix), p->weight.size());
  }

 private:
  [[nodiscard]] const resolved_graph::node& here() const { return graph_.nodes[node_]; }
  [[nodiscard]] const prunus::parameter<S>* find(std::string_view suffix) const {
    return node_parameter(tensors_, here(), suffix);
  }

  const resolved_graph& graph_;
  std::size_t node_;
  const model<S>& tensors_;
  gradient_shares<S>& shares_;
  std::uint64_t seed_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus

// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/axis.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/view.hpp>
#include <prunus/nn/executor/detail/graph_executor.hpp>
#include <prunus/nn/initialization.hpp>
#include <prunus/nn/layers/detail/any_layer.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <variant>      // std::visit, std::holds_alternative
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The memory of all tensors that a resolved graph declares, of their gradients, of the shards'
/// shares of the gradients and of the optimizer's state. Addresses never change, those of the state
/// until the next `allocate_state`.
template <class S>
class parameter_store {
 public:
  parameter_store(const resolved_graph& graph, Index shards) : graph_(graph) {
    Index values = 0, gradients = 0;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
      for (const parameter_declaration& declaration : graph.nodes[i].parameters) {
        const Index size = declaration.size();
        const bool statistic = is_statistic(declaration.role);
        slots_.push_back({i, &declaration, place(values, size),
                          statistic ? -1 : place(gradients, size),
                          is_shared(graph.nodes[i]) ? place(share_pitch_, size) : -1});
        if (!statistic) trainable_size_ += size;
      }
    values_.setZero(values);
    gradients_.setZero(gradients);
    shares_.setZero(share_pitch_ * shards);
  }

  /// The layers of the graph, which point into the store.
  [[nodiscard]] std::vector<any_layer<S>> make_layers(std::uint64_t seed) {
    std::vector<any_layer<S>> layers;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const auto parameter_of = [&](std::string_view suffix) { return find(i, suffix); };
      layers.push_back(
          std::visit(layer_factory<S, decltype(parameter_of)>{graph_, i, seed, parameter_of},
                     graph_.nodes[i].operation));
    }
    return layers;
  }

  [[nodiscard]] std::vector<shared_gradient<S>> shared_gradients() {
    std::vector<shared_gradient<S>> result;
    for (const slot& s : slots_)
      if (s.share >= 0)
        result.push_back({gradients_.data() + s.gradient, shares_.data() + s.share, share_pitch_,
                          s.declaration->size()});
    return result;
  }

  /// Weights by `he_normal`, tables by normal numbers of variance 1, scales and running variances
  /// 1, everything else 0.
  void initialize(std::uint64_t seed) {
    for (std::size_t k = 0; k < slots_.size(); ++k) {
      const parameter_declaration& d = *slots_[k].declaration;
      const std::span<S> values(values_.data() + slots_[k].value,
                                static_cast<std::size_t>(d.size()));
      if (d.role == parameter_role::weight)
        nn::he_normal(values, d.size() / d.shape.front(),
                      nn::rectifier_gain(graph_, slots_[k].node), seed, k);
      else if (d.features_last)
        nn::he_normal(values, 1, 1, seed, k);
      else if (d.role == parameter_role::scale || d.role == parameter_role::running_variance)
        for (S& v : values) v = S(1);
    }
  }

  [[nodiscard]] model<S> make_model() {
    model<S> result;
    for (const slot& s : slots_) {
      const std::vector<Index>& shape = s.declaration->shape;
      const layout meaning = s.declaration->axes();
      parameter_options<S> options;
      if (s.gradient >= 0)
        options.gradient = view(gradients_.data() + s.gradient, std::span(shape), meaning);
      if (s.gradient < 0 || s.declaration->role == parameter_role::bias)
        options.prunable = false;  // positions have two axes and are a bias all the same
      result.add(s.declaration->name, view(values_.data() + s.value, std::span(shape), meaning),
                 std::move(options));
    }
    return result;
  }

  /// The same model with `count` zeroed buffers of state for every trainable parameter.
  [[nodiscard]] model<S> with_state(const model<S>& before, Index count) {
    state_.setZero(count * trainable_size_);
    model<S> renewed;
    Index offset = 0;
    for (const parameter<S>& p : before.parameters()) {
      parameter_options<S> options = p.options;
      options.state.clear();
      if (options.gradient.data != nullptr)
        for (Index k = 0; k < count; ++k, offset += p.weight.size())
          options.state.push_back(
              {state_.data() + offset, p.weight.extents, p.weight.axes, p.weight.rank});
      renewed.add(p.name, p.weight, std::move(options));
    }
    renewed.couple(before.couplings());
    return renewed;
  }

 private:
  using buffer = Eigen::Array<S, Eigen::Dynamic, 1>;

  /// Where a declared tensor lies.
  struct slot {
    std::size_t node;
    const parameter_declaration* declaration;
    Index value, gradient;  // offsets; gradient -1 for running statistics
    Index share;  // offset in a shard's shares, -1 when shards do not compute the gradient
  };

  /// Tensors begin at cache lines.
  [[nodiscard]] static Index place(Index& total, Index size) {
    constexpr Index step = 64 / static_cast<Index>(sizeof(S));
    const Index at = total;
    total += (size + step - 1) / step * step;
    return at;
  }
  [[nodiscard]] static bool is_statistic(parameter_role role) noexcept {
    return role == parameter_role::running_mean || role == parameter_role::running_variance;
  }
  /// Shards compute shares of the gradients of convolutions, layer normalisations and tables.
  [[nodiscard]] static bool is_shared(const resolved_graph::node& node) {
    return node.operation.is<operation::convolution>() ||
           node.operation.is<operation::layer_norm>() ||
           node.operation.is<operation::embedding>() ||
           node.operation.is<operation::position_embedding>() ||
           (node.operation.is<operation::linear>() && node.shape.plane() > 1);
  }
  [[nodiscard]] layer_parameter<S> find(std::size_t node, std::string_view suffix) {
    for (const slot& s : slots_)
      if (s.node == node &&
          std::string_view(s.declaration->name).substr(graph_.nodes[node].name.size() + 1) ==
              suffix)
        return {values_.data() + s.value, s.gradient < 0 ? nullptr : gradients_.data() + s.gradient,
                s.share < 0 ? nullptr : shares_.data() + s.share, share_pitch_};
    return {};
  }

  const resolved_graph& graph_;
  std::vector<slot> slots_;
  Index trainable_size_ = 0, share_pitch_ = 0;
  buffer values_, gradients_, shares_, state_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus

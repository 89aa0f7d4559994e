// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/axis.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/view.hpp>
#include <prunus/nn/initialization.hpp>
#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint64_t
#include <span>     // std::span
#include <utility>  // std::move
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

/// The memory of all tensors that a resolved graph declares, of their gradients and of the
/// optimizer's state. Addresses never change, those of the state until the next `with_state`.
template <class S>
class parameter_store {
 public:
  explicit parameter_store(const resolved_graph& graph) : graph_(graph) {
    Index values = 0, gradients = 0;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i)
      for (const parameter_declaration& declaration : graph.nodes[i].parameters) {
        const Index size = declaration.size();
        const bool statistic = is_statistic(declaration.role);
        slots_.push_back(
            {i, &declaration, place(values, size), statistic ? -1 : place(gradients, size)});
        if (!statistic) trainable_size_ += size;
      }
    values_.setZero(values);
    gradients_.setZero(gradients);
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
      else if (d.role == parameter_role::table || d.shape.size() > 1)
        nn::he_normal(values, 1, 1, seed, k);
      else if (d.role == parameter_role::scale || d.role == parameter_role::running_variance)
        for (S& v : values) v = S(1);
    }
  }

  [[nodiscard]] model<S> make_model() {
    model<S> result;
    for (const slot& s : slots_) {
      const std::vector<Index>& shape = s.declaration->shape;
      const layout meaning = s.declaration->axes;
      parameter_options<S> options;
      if (s.gradient >= 0)
        options.gradient = view(gradients_.data() + s.gradient, std::span(shape), meaning);
      if (s.gradient < 0) options.prunable = false;
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
  };

  /// Tensors begin at cache lines.
  [[nodiscard]] static Index place(Index& total, Index size) {
    constexpr Index step = 64 / static_cast<Index>(sizeof(S));
    const Index at = total;
    total += (size + step - 1) / step * step;
    return at;
  }

  const resolved_graph& graph_;
  std::vector<slot> slots_;
  Index trainable_size_ = 0;
  buffer values_, gradients_, state_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus

// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/nn/network.hpp>

#include <Eigen/Core>

#include <array>        // std::array
#include <concepts>     // std::floating_point, std::same_as
#include <cstddef>      // std::size_t
#include <cstdint>      // std::int64_t
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace nn {

/// A rule that changes weights: hyper-parameters only. `state_names` says which buffers it keeps
/// for each weight.
template <class Rule, class S>
concept update_rule = requires(const Rule& rule, std::span<S> weight, std::span<const S> gradient,
                               std::span<const std::span<S>> state, double rate,
                               std::int64_t step) {
  { rule.learning_rate } -> std::convertible_to<double>;
  { rule.weight_decay } -> std::convertible_to<double>;
  { rule.decay_all } -> std::convertible_to<bool>;
  Rule::state_names.size();
  rule.check();
  rule.update(weight, gradient, state, rate, rate, step);
};

/// The part of an optimizer that must be saved to go on exactly where a run stopped.
template <class S>
struct optimizer_state {
  std::int64_t steps = 0;
  named_tensors<S> tensors;  ///< "<parameter>.<state name>"
};

/// Applies an update rule to the trainable parameters of a network.
///
///     prunus::nn::optimizer optimize(net, prunus::nn::sgd{.learning_rate = 0.05, .momentum =
///     0.9}); net.backward(); optimize.step();
///
/// Its buffers belong to the network and stand in `net.model()` as `options.state`, so that
/// pruning holds them at zero with the weights. A network has one optimizer: a new one takes over
/// and begins with zeros. The optimizer refers to the network, which must outlive it.
template <std::floating_point S, update_rule<S> Rule>
class optimizer {
 public:
  /// @throws argument_error (out_of_range: a hyper-parameter)
  optimizer(network<S>& net, const Rule& rule) : net_(&net), rule_((rule.check(), rule)) {
    net.allocate_state(static_cast<Index>(Rule::state_names.size()));
  }

  /// Hyper-parameters; they may be changed between steps.
  [[nodiscard]] Rule& rule() noexcept { return rule_; }
  [[nodiscard]] const Rule& rule() const noexcept { return rule_; }

  /// One update of every trainable parameter from its gradient, with the learning rate of the rule
  /// or another one. Weight decay leaves out vectors (biases, scales and shifts) unless `decay_all`
  /// is set.
  void step() { step(rule_.learning_rate); }
  void step(double learning_rate) {
    ++steps_;
    for (const parameter<S>& p : net_->model().parameters()) {
      if (p.options.gradient.data == nullptr) continue;
      const std::size_t size = static_cast<std::size_t>(p.weight.size());
      std::array<std::span<S>, Rule::state_names.size()> state;
      for (std::size_t k = 0; k < state.size(); ++k) state[k] = {p.options.state[k].data, size};
      const double decay = p.weight.rank > 1 || rule_.decay_all ? rule_.weight_decay : 0;
      rule_.update(std::span<S>(p.weight.data, size),
                   std::span<const S>(p.options.gradient.data, size),
                   std::span<const std::span<S>>(state), learning_rate, decay, steps_);
    }
  }

  /// A copy of the run state, and its way back.
  [[nodiscard]] optimizer_state<S> state() const {
    optimizer_state<S> result{steps_, {}};
    for_each_buffer(
        [&](std::string_view parameter, std::string_view name, const weight_view<S>& w) {
          result.tensors.push_back({prunus::detail::concat(parameter, ".", name), w.extents, w.axes,
                                    w.rank, std::vector<S>(w.data, w.data + w.size())});
        });
    return result;
  }
  /// @throws argument_error (unknown_name: a tensor is missing or foreign), shape_error
  /// (shape_mismatch)
  void restore(const optimizer_state<S>& saved) {
    std::size_t expected = 0;
    const auto check = [&](std::string_view parameter, std::string_view name,
                           const weight_view<S>& w) {
      const std::string full = prunus::detail::concat(parameter, ".", name);
      const named_tensor<S>* found = saved.tensors.find(full);
      if (found == nullptr)
        throw argument_error(
            errc::unknown_name,
            prunus::detail::concat("optimizer.restore: ", full, " is not among the ",
                                   saved.tensors.size(), " tensors of the state"));
      if (!found->view().same_shape(w))
        throw shape_error(
            errc::shape_mismatch,
            prunus::detail::concat("optimizer.restore: ", full, " is ", describe(found->view()),
                                   ", expected ", describe(w)));
      ++expected;
    };
    for_each_buffer(check);
    if (expected != saved.tensors.size())
      throw argument_error(
          errc::unknown_name,
          prunus::detail::concat("optimizer.restore: the state holds ", saved.tensors.size(),
                                 " tensors, the network has ", expected));
    for_each_buffer(
        [&](std::string_view parameter, std::string_view name, const weight_view<S>& w) {
          const auto& from = saved.tensors[prunus::detail::concat(parameter, ".", name)];
          std::copy_n(from.values.data(), w.size(), w.data);
        });
    steps_ = saved.steps;
  }

 private:
  template <class F>
  void for_each_buffer(const F& f) const {
    for (const parameter<S>& p : net_->model().parameters())
      for (std::size_t k = 0; k < p.options.state.size(); ++k)
        f(p.name, Rule::state_names[k], p.options.state[k]);
  }

  network<S>* net_;
  Rule rule_;
  std::int64_t steps_ = 0;
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus

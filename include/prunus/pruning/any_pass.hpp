// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/model.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/pruning/pass_report.hpp>
#include <prunus/pruning/pass_state.hpp>
#include <prunus/pruning/pruning_pass.hpp>

#include <memory>       // std::unique_ptr
#include <type_traits>  // std::remove_cvref_t
#include <utility>      // std::forward

namespace prunus {
inline namespace v0 {

/// A pass chosen at run time: holds any pruning_pass and can be copied.
///
///     prunus::any_pass<float> chosen = prunus::pass{prunus::l2_norm{}, tile};
///     if (by_chance) chosen = prunus::pass{prunus::random_score{}, tile};
///
/// The indirection is once an event; the loops inside stay those of the pass.
template <weight_scalar S>
class any_pass {
 public:
  template <class Pass>
    requires(!std::is_same_v<std::remove_cvref_t<Pass>, any_pass> &&
             pruning_pass<std::remove_cvref_t<Pass>, S>)
  any_pass(Pass&& pass)  // NOLINT(google-explicit-constructor): a pass is an any_pass
      : held_(std::make_unique<holder<std::remove_cvref_t<Pass>>>(std::forward<Pass>(pass))) {}
  any_pass(const any_pass& other) : held_(other.held_->clone()) {}
  any_pass(any_pass&&) noexcept = default;
  any_pass& operator=(any_pass other) noexcept {
    held_ = std::move(other.held_);
    return *this;
  }
  ~any_pass() = default;

  [[nodiscard]] pass_state prepare(const model<S>& net) const { return held_->prepare(net); }
  pass_report prune(const model<S>& net, pass_state& state, Index event, double target,
                    pool_ref pool = {}) const {
    return held_->prune(net, state, event, target, pool);
  }

 private:
  struct interface {
    interface() = default;
    interface(const interface&) = default;
    interface& operator=(const interface&) = delete;
    virtual ~interface() = default;
    [[nodiscard]] virtual std::unique_ptr<interface> clone() const = 0;
    [[nodiscard]] virtual pass_state prepare(const model<S>& net) const = 0;
    virtual pass_report prune(const model<S>& net, pass_state& state, Index event, double target,
                              pool_ref pool) const = 0;
  };
  template <class Pass>
  struct holder final : interface {
    explicit holder(Pass held) : pass(std::move(held)) {}
    [[nodiscard]] std::unique_ptr<interface> clone() const override {
      return std::make_unique<holder>(*this);
    }
    [[nodiscard]] pass_state prepare(const model<S>& net) const override {
      return pass.prepare(net);
    }
    pass_report prune(const model<S>& net, pass_state& state, Index event, double target,
                      pool_ref pool) const override {
      return pass.prune(net, state, event, target, pool);
    }
    Pass pass;
  };

  std::unique_ptr<interface> held_;
};

}  // namespace v0
}  // namespace prunus

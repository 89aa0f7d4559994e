// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/regularize/detail/coupled_slices.hpp>

#include <cmath>    // std::sqrt
#include <cstddef>  // std::size_t
#include <vector>   // std::vector

namespace prunus {
inline namespace v0 {

/// A penalty that drives whole channels to zero while training: strength * sum over groups ||w||.
///
/// A group is one unit of a coupling: the filters that make a channel and, if asked for, the
/// weights that read it. Every group that is not zero is pulled towards zero with the same force,
/// however small it is, so that some arrive. Units that must stay are left alone; so
/// are biases, scales and shifts.
///
///     const prunus::group_lasso lasso{.strength = 1e-4};
///     train_step(net, optimizer, images, labels, rate, [&] { lasso.add_gradient(net.parameters());
///     });
///
/// Cost: two passes over the coupled weights; one number a channel is allocated.
/// @source W. Wen, C. Wu, Y. Wang, Y. Chen, H. Li, "Learning Structured Sparsity in Deep Neural
/// Networks", NeurIPS 2016, arXiv:1608.03665 (filters and channels as groups)
/// @deviation groups are the couplings, so that filters of residual sums count together; a group of
/// zeros has the gradient zero
struct group_lasso {
  double strength = 1e-4;  ///< >= 0
  bool readers = false;    ///< the weights that read a channel belong to its group

  /// Adds the gradient of the penalty, strength * w / ||w||, to the gradients of the model.
  /// @throws argument_error (out_of_range: strength; empty_model: no coupling that may be pruned;
  ///         null_storage: a weight without gradient); nothing is then added
  template <weight_scalar S>
  void add_gradient(const model<S>& net) const {
    for_each_group(net, true, [&](const coupling& c, const std::vector<double>& norm) {
      for_each_member(net, c, [&](const parameter<S>& p, const coupling::member& m) {
        detail::for_each_slice(p.weight, m.axis, [&](Index position, Index at, Index count) {
          const double size = norm[unit(m, position)];
          if (size == 0) return;
          const double factor = strength / size;
          for (Index i = at; i < at + count; ++i)
            p.options.gradient.data[i] =
                static_cast<S>(static_cast<double>(p.options.gradient.data[i]) +
                               factor * static_cast<double>(p.weight.data[i]));
        });
      });
    });
  }

  /// The penalty itself. @throws argument_error (out_of_range, empty_model)
  template <weight_scalar S>
  [[nodiscard]] double penalty(const model<S>& net) const {
    double sum = 0;
    for_each_group(net, false, [&](const coupling&, const std::vector<double>& norm) {
      for (double n : norm) sum += n;
    });
    return strength * sum;
  }

 private:
  [[nodiscard]] static std::size_t unit(const coupling::member& m, Index position) noexcept {
    return static_cast<std::size_t>(m.unit_of[static_cast<std::size_t>(position)]);
  }

  /// Weights of a coupling's groups.
  template <weight_scalar S, class Use>
  void for_each_member(const model<S>& net, const coupling& c, Use use) const {
    for (const coupling::member& m : c.members)
      if (m.scored && (readers || m.axis == axis::out)) use(net[m.parameter], m);
  }

  /// Calls `use(coupling, norm of every unit)`; checks all first.
  template <weight_scalar S, class Use>
  void for_each_group(const model<S>& net, bool gradients, Use use) const {
    detail::check_strength("group_lasso", strength);
    bool any = false;
    for (const coupling& c : net.couplings()) {
      if (!c.prunable()) continue;
      for_each_member(net, c, [&](const parameter<S>& p, const coupling::member&) {
        any = true;
        if (gradients) detail::expect_gradient("group_lasso", p);
      });
    }
    if (!any)
      throw argument_error(
          errc::empty_model,
          "group_lasso: the model has no coupling that may be pruned; couple() it");
    for (const coupling& c : net.couplings()) {
      if (!c.prunable()) continue;
      std::vector<double> norm(static_cast<std::size_t>(c.units));
      for_each_member(net, c, [&](const parameter<S>& p, const coupling::member& m) {
        detail::for_each_slice(p.weight, m.axis, [&](Index position, Index at, Index count) {
          for (Index i = at; i < at + count; ++i) {
            const double w = static_cast<double>(p.weight.data[i]);
            norm[unit(m, position)] += w * w;
          }
        });
      });
      for (Index u = 0; u < c.units; ++u) {  // a norm of 0 is no force
        double& n = norm[static_cast<std::size_t>(u)];
        n = c.may_go(u) ? std::sqrt(n) : 0;
      }
      use(c, norm);
    }
  }
};

}  // namespace v0
}  // namespace prunus

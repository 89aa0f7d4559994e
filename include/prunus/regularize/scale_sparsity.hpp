// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/regularize/detail/coupled_slices.hpp>

#include <cmath>  // std::abs

namespace prunus {
inline namespace v0 {

/// A penalty that drives the scales of normalisations to zero, and with them whole channels:
/// strength * sum |gamma|. Network slimming trains with it and then prunes by `batch_norm_scale`.
///
/// Which parameters are scales is known from the couplings: `coupling::member::scale`.
///
///     const prunus::scale_sparsity slimming{.strength = 1e-4};
///     train_step(net, optimizer, images, labels, rate,
///                [&] { slimming.add_gradient(net.parameters()); });
///
/// Cost: one pass over the scales, no allocation.
/// @source Z. Liu, J. Li, Z. Shen, G. Huang, S. Yan, C. Zhang, "Learning Efficient Convolutional
/// Networks through Network Slimming", ICCV 2017, doi:10.1109/ICCV.2017.298
/// @deviation a scale of zero has the gradient zero
struct scale_sparsity {
  double strength = 1e-4;  ///< >= 0

  /// Adds the gradient of the penalty, strength * sign(gamma), to the gradients of the scales.
  /// @throws argument_error (out_of_range: strength; empty_model: no scales; null_storage: a scale
  ///         without gradient); nothing is then added
  template <weight_scalar S>
  void add_gradient(const model<S>& net) const {
    for_each_scale(net,
                   [](const parameter<S>& p) { detail::expect_gradient("scale_sparsity", p); });
    for_each_scale(net, [&](const parameter<S>& p) {
      for (Index i = 0; i < p.weight.size(); ++i) {
        const double scale = static_cast<double>(p.weight.data[i]);
        const double sign = scale > 0 ? 1 : scale < 0 ? -1 : 0;
        p.options.gradient.data[i] =
            static_cast<S>(static_cast<double>(p.options.gradient.data[i]) + strength * sign);
      }
    });
  }

  /// The penalty itself. @throws argument_error (out_of_range, empty_model)
  template <weight_scalar S>
  [[nodiscard]] double penalty(const model<S>& net) const {
    double sum = 0;
    for_each_scale(net, [&](const parameter<S>& p) {
      for (Index i = 0; i < p.weight.size(); ++i)
        sum += std::abs(static_cast<double>(p.weight.data[i]));
    });
    return strength * sum;
  }

 private:
  template <weight_scalar S, class Use>
  void for_each_scale(const model<S>& net, Use use) const {
    detail::check_strength("scale_sparsity", strength);
    bool any = false;
    for (const coupling& c : net.couplings())
      for (const coupling::member& m : c.members)
        if (m.scale) {
          any = true;
          use(net[m.parameter]);
        }
    if (!any)
      throw argument_error(errc::empty_model,
                           "scale_sparsity: no coupling of the model has the scale of a "
                           "normalisation as its member");
  }
};

}  // namespace v0
}  // namespace prunus

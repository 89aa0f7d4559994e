// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_masks.hpp>
#include <prunus/core/tile_walk.hpp>
#include <prunus/regularize/detail/coupled_slices.hpp>

#include <algorithm>  // std::min
#include <cstddef>    // std::size_t

namespace prunus {
inline namespace v0 {

/// Presses what is to be pruned towards zero with a force that grows, so that the network learns to
/// do without it before it goes: a penalty strength(step) / 2 * sum w^2 over what a selection has
/// marked.
///
///     scheduler.add(prunus::one_shot{.sparsity = 0.5},
///                   prunus::pass{prunus::l1_norm{}, prunus::filter, prunus::uniform{},
///                                prunus::select_only{}});
///     scheduler.step({.step = 0});
///     const prunus::growing_regularization growing{};
///     train_step(net, optimizer, images, labels, rate,
///                [&] { growing.add_gradient(net.parameters(), *scheduler.states()[0], step); });
///     (void)scheduler.finish();  // after the last step of growth: removes what is marked
///
/// In front of a batch normalisation the size of a filter means nothing to the outputs, and small
/// filters have large gradients: there the force must be met by a low learning rate.
///
/// Without state: the strength follows from the step. Cost: one pass over the marked weights, no
/// allocation.
/// @source H. Wang, C. Qin, Y. Zhang, Y. Fu, "Neural Pruning via Growing Regularization", ICLR
/// 2021, arXiv:2012.09243 (GReg-1: a pruning schedule by growing L2 penalties on the filters of
/// smallest L1 norm)
/// @deviation our reading: the constants and the strength of the first step; any selection
struct growing_regularization {
  double increment = 1e-4;  ///< what the strength grows by, > 0
  Index every = 10;         ///< steps between increments, at least 1
  double ceiling = 1;       ///< the strength grows no further, > 0

  /// The strength at a step: increment at step 0, then one increment more after every `every`
  /// steps.
  [[nodiscard]] double strength(Index step) const noexcept {
    const Index increments = step / every + 1;
    return std::min(ceiling, increment * static_cast<double>(increments));
  }
  /// Steps after which the strength grows no further.
  [[nodiscard]] Index duration() const noexcept {
    Index steps = static_cast<Index>(ceiling / increment) * every;
    while (steps > 0 && strength(steps - every) >= ceiling) steps -= every;
    return steps;
  }

  /// @throws argument_error (out_of_range)
  void check() const {
    if (!(increment > 0 && increment <= ceiling && ceiling <= 1e300) || every < 1)
      throw argument_error(errc::out_of_range,
                           detail::concat("growing_regularization: increment ", increment,
                                          ", every ", every, ", ceiling ", ceiling,
                                          "; needed are 0 < increment <= ceiling and every >= 1"));
  }

  /// Adds the gradient of the penalty, strength(step) * w, where `selection` has removed a tile.
  /// @throws argument_error (out_of_range: the numbers, step < 0; null_storage: no gradient),
  ///         shape_error (shape_mismatch: the mask of another weight); nothing is then added
  template <weight_scalar S>
  void add_gradient(const parameter<S>& p, const mask& selection, Index step) const {
    check(p, selection, step);
    const double force = strength(step);
    const auto press = [&](Index at, Index count) {
      for (Index i = at; i < at + count; ++i)
        p.options.gradient.data[i] =
            static_cast<S>(static_cast<double>(p.options.gradient.data[i]) +
                           force * static_cast<double>(p.weight.data[i]));
    };
    detail::walk_tiles(
        selection.grid(),
        [&](Index at, Index count, Index tile) {
          if (!selection[tile]) press(at, count);
        },
        [&](Index at, Index count, Index tile) {
          for (Index i = 0; i < count; ++i)
            if (!selection[tile + i]) press(at + i, 1);
        });
  }

  /// The same for everything that a pass has selected; biases, scales and shifts are left alone.
  /// @param selection a pass_state or named_masks
  /// @throws as above; argument_error (unknown_name: a mask of no parameter)
  template <weight_scalar S, masks_of<S> Masks>
  void add_gradient(const model<S>& net, const Masks& selection, Index step) const {
    const auto for_each_weight = [&](auto use) {
      selection.for_each_mask(net, [&](const parameter<S>& p, const mask& m) {
        if (p.weight.rank > 1) use(p, m);
      });
    };
    for_each_weight([&](const parameter<S>& p, const mask& m) { check(p, m, step); });
    for_each_weight([&](const parameter<S>& p, const mask& m) { add_gradient(p, m, step); });
  }

 private:
  template <weight_scalar S>
  void check(const parameter<S>& p, const mask& selection, Index step) const {
    check();
    if (step < 0)
      throw argument_error(errc::out_of_range, detail::concat("growing_regularization: step ", step,
                                                              "; it must be at least 0"));
    detail::expect_gradient("growing_regularization", p);
    if (selection.grid().extents() != p.weight.extents || selection.grid().axes() != p.weight.axes)
      throw shape_error(errc::shape_mismatch,
                        detail::concat("growing_regularization: the mask was made for another ",
                                       "weight than ", p.name, ", which is ", describe(p.weight)));
  }
};

}  // namespace v0
}  // namespace prunus

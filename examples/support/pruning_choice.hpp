// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/allocation.hpp>
#include <prunus/criteria.hpp>
#include <prunus/pruning.hpp>
#include <prunus/schedule.hpp>
#include <prunus/structure/graph.hpp>

#include <algorithm>  // std::max
#include <cmath>      // std::pow
#include <cstdint>    // std::uint64_t
#include <map>        // std::map
#include <stdexcept>  // std::out_of_range
#include <string>     // std::string
#include <utility>    // std::move

namespace prunus_examples {

using prunus::Index;

/// The three ways to prune, which differ in their timeline only.
enum class pruning_method { one_shot, iterative, during };

/// What the command line may choose.
struct pruning_choice {
  pruning_method method = pruning_method::one_shot;
  std::string criterion = "l2_norm";
  std::string tile = "filter";
  double sparsity =
      0.75;  ///< filters: share of the MACs to remove; other tiles: share of the tiles
  Index multiple_of = 1;
  std::uint64_t seed = 1;
};

[[nodiscard]] inline const std::map<std::string, pruning_method>& pruning_methods() {
  static const std::map<std::string, pruning_method> methods{
      {"one-shot", pruning_method::one_shot},
      {"iterative", pruning_method::iterative},
      {"during", pruning_method::during}};
  return methods;
}
[[nodiscard]] inline std::string name_of(pruning_method method) {
  for (const auto& [name, value] : pruning_methods())
    if (value == method) return name;
  return {};
}
[[nodiscard]] inline const std::map<std::string, prunus::tile>& pruning_tiles() {
  static const std::map<std::string, prunus::tile> tiles{
      {"element", prunus::element},      {"kernel", prunus::kernel_2d},
      {"filter", prunus::filter},        {"channel", prunus::channel},
      {"stripe", prunus::stripe},        {"block-4x1", prunus::block(4, 1)},
      {"block-8x1", prunus::block(8, 1)}};
  return tiles;
}

/// A pass of run-time choices: filters are removed until the MACs fit, other tiles are ranked
/// globally.
/// @throws std::out_of_range for a name that does not exist
template <class S>
[[nodiscard]] prunus::any_pass<S> make_pass(const pruning_choice& choice,
                                            const prunus::graph& graph) {
  const prunus::tile tile = pruning_tiles().at(choice.tile);
  const prunus::limits limits{
      .min_kept = 1, .multiple_of = choice.multiple_of, .round = prunus::rounding::up};
  const auto with = [&](const auto& criterion) {
    const prunus::pass by_macs{criterion, tile, prunus::macs_target{graph}};
    const prunus::pass by_rank{criterion, tile, prunus::global{}};
    return tile == prunus::filter ? prunus::any_pass<S>(by_macs.limited(limits))
                                  : prunus::any_pass<S>(by_rank.limited(limits));
  };
  if (choice.criterion == "l1_norm") return with(prunus::l1_norm{});
  if (choice.criterion == "linf_norm") return with(prunus::linf_norm{});
  if (choice.criterion == "random") return with(prunus::random_score{choice.seed});
  if (choice.criterion == "l2_norm") return with(prunus::l2_norm{});
  throw std::out_of_range(choice.criterion);
}

/// When to prune in a run of `dense` steps followed by `tuning` steps.
///
/// - one-shot: once, after the dense steps.
/// - iterative: four rounds over the first two thirds of the fine-tuning, each removing the same
/// share of what is left.
/// - during: a cubic ramp over the second quarter of the whole run, which starts from nothing
/// trained.
[[nodiscard]] inline prunus::any_schedule make_schedule(const pruning_choice& choice, Index dense,
                                                        Index tuning) {
  switch (choice.method) {
    case pruning_method::one_shot:
      return prunus::one_shot{.sparsity = choice.sparsity, .at = dense};
    case pruning_method::iterative: {
      constexpr Index rounds = 4;
      const Index every = std::max<Index>(tuning * 2 / 3 / rounds, 1);
      const double first = 1 - std::pow(1 - choice.sparsity, 1.0 / static_cast<double>(rounds));
      return prunus::exponential_ramp{.initial_sparsity = first,
                                      .final_sparsity = choice.sparsity,
                                      .begin = dense,
                                      .end = dense + (rounds - 1) * every,
                                      .every = every};
    }
    case pruning_method::during:
      break;
  }
  const Index total = dense + tuning;
  return prunus::cubic_ramp{.initial_sparsity = 0,
                            .final_sparsity = choice.sparsity,
                            .begin = total / 4,
                            .end = std::max(total / 2, total / 4 + 1),
                            .every = std::max<Index>(total / 40, 1)};
}

}  // namespace prunus_examples

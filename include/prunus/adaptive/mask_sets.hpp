// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_masks.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/plan.hpp>
#include <prunus/structure/plan_removal.hpp>

#include <algorithm>  // std::copy
#include <cstddef>    // std::size_t
#include <string>     // std::string
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// A network without what a set of masks removes.
template <weight_scalar S>
struct smaller_network {
  prunus::plan plan;
  prunus::graph graph;
  named_tensors<S> tensors;
};

/// Several sets of masks over one set of weights: which part of the network runs is switched at run
/// time, from input to input.
///
///     prunus::mask_sets<float> sets(net.parameters());
///     const Index easy = sets.add("easy", masks), hard = sets.add("hard", fewer_masks);
///     sets.activate(level == 0 ? easy : hard);         // in the user's weights, in place
///     auto small = sets.compacted(easy, net.graph());  // or a network of its own, smaller
///
/// The dense weights are kept as they were when a parameter was first masked; they must not be
/// trained on meanwhile. A parameter that several masks of a set name loses what any of them
/// removes.
///
/// @shape a mask has the grid of its parameter
/// Cost: one copy of the masked parameters. activate() copies and masks the parameters of the old
/// and the new set, and allocates nothing; a compacted network costs its smaller tensors and no
/// switching at all.
/// @source V. Pentsos, O. Spantidi, I. Anagnostopoulos, "Dynamic Image Difficulty-Aware DNN
/// Pruning", Micromachines 14(5):908, 2023, 10.3390/mi14050908: three networks, easy, medium and
/// hard, without retraining
/// @deviation our reading: one set of weights with masks; networks taken out of it are ours
template <weight_scalar S>
class mask_sets {
 public:
  static constexpr Index dense = -1;

  /// @param net views on weights that outlive this object
  explicit mask_sets(model<S> net) : net_(std::move(net)) {}

  /// Adds a set; returns its number. The network is then dense.
  /// @throws argument_error (unknown_name: a parameter; duplicate_name: a set), shape_error
  ///         (shape_mismatch: a mask of another weight); nothing is then added
  Index add(std::string name, std::vector<named_mask> masks) {
    for (const masked_set& s : sets_)
      if (s.name == name)
        throw argument_error(errc::duplicate_name,
                             detail::concat("mask_sets::add: there is a set ", name, " already"));
    masked_set fresh{std::move(name), {}};
    for (named_mask& m : masks) {
      const weight_view<S> weight = net_[m.name].weight;
      if (m.mask.grid().extents() != weight.extents || m.mask.grid().axes() != weight.axes)
        throw shape_error(errc::shape_mismatch,
                          detail::concat("mask_sets::add: the mask of ", m.name,
                                         " was made for another shape than ", describe(weight)));
      fresh.masks.push_back({0, std::move(m.mask)});
    }
    activate(dense);
    for (std::size_t i = 0; i < masks.size(); ++i)
      fresh.masks[i].weight = kept_weight(net_[masks[i].name].weight);
    sets_.push_back(std::move(fresh));
    return size() - 1;
  }

  Index add(std::string name, const named_masks& masks) {
    return add(std::move(name), std::vector<named_mask>(masks.begin(), masks.end()));
  }

  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(sets_.size()); }
  /// The set in force, or `dense`.
  [[nodiscard]] Index active() const noexcept { return active_; }
  /// @throws argument_error (out_of_range)
  [[nodiscard]] const std::string& name(Index set) const { return checked(set).name; }

  /// Puts a set in force, or the dense weights: kept weights have their value bit for bit, others
  /// are 0.
  /// @throws argument_error (out_of_range)
  void activate(Index set) {
    if (set != dense) (void)checked(set);
    if (set == active_) return;
    if (active_ != dense)
      for (const weight_mask& m : sets_[static_cast<std::size_t>(active_)].masks)
        weights_[m.weight].restore();
    active_ = set;
    if (set == dense) return;
    for (const weight_mask& m : sets_[static_cast<std::size_t>(set)].masks)
      m.mask.apply(weights_[m.weight].weight);
  }

  /// The network that is left of a set, taken out of the tensors. The set in force stays so.
  /// @param declared the graph of the whole network, all of whose parameters the model has
  /// @throws argument_error (out_of_range), and what plan_removal and compact throw
  [[nodiscard]] smaller_network<S> compacted(Index set, const graph& declared) {
    (void)checked(set);
    const Index before = active_;
    activate(set);
    try {
      plan removal = plan_removal(declared, net_);
      smaller_network<S> result{removal, compact(declared, removal), compact(net_, removal)};
      activate(before);
      return result;
    } catch (...) {
      activate(before);
      throw;
    }
  }

 private:
  struct dense_weight {
    weight_view<S> weight;
    std::vector<S> values;
    void restore() const noexcept { std::copy(values.begin(), values.end(), weight.data); }
  };
  struct weight_mask {
    std::size_t weight = 0;
    prunus::mask mask;
  };
  struct masked_set {
    std::string name;
    std::vector<weight_mask> masks;
  };

  [[nodiscard]] const masked_set& checked(Index set) const {
    if (set < 0 || set >= size())
      throw argument_error(errc::out_of_range,
                           detail::concat("mask_sets: set ", set, ", there are ", size()));
    return sets_[static_cast<std::size_t>(set)];
  }

  /// Where a weight is kept; keeps it if it is not yet.
  [[nodiscard]] std::size_t kept_weight(const weight_view<S>& weight) {
    for (std::size_t i = 0; i < weights_.size(); ++i)
      if (weights_[i].weight.data == weight.data) return i;
    weights_.push_back({weight, {weight.data, weight.data + weight.size()}});
    return weights_.size() - 1;
  }

  model<S> net_;
  std::vector<dense_weight> weights_;
  std::vector<masked_set> sets_;
  Index active_ = dense;
};

}  // namespace v0
}  // namespace prunus

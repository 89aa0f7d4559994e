// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/structure/detail/plan_fit.hpp>
#include <prunus/structure/detail/tensor_extents.hpp>
#include <prunus/structure/graph.hpp>
#include <prunus/structure/kept_channels.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/plan.hpp>
#include <prunus/structure/tensor_reader.hpp>

#include <algorithm>      // std::copy_n
#include <array>          // std::array
#include <cstddef>        // std::size_t
#include <cstdint>        // std::uint8_t
#include <string_view>    // std::string_view
#include <type_traits>    // std::type_identity_t
#include <unordered_map>  // names to numbers
#include <utility>        // std::exchange, std::move
#include <vector>         // std::vector

namespace prunus {
inline namespace v0 {

/// How a plan is applied to weights.
struct compaction_options {
  /// Add what removed channels emitted to the layers that read them. `false` for a fresh network of
  /// the smaller shape, whose weights are not those that the plan was made from; new biases are
  /// then zero.
  bool fold = true;
};

namespace detail {

/// Positions of 0, 1, ..., extent - 1 that are not in the ascending list `removed`.
[[nodiscard]] inline std::vector<Index> remaining(Index extent, const std::vector<Index>& removed) {
  std::vector<Index> kept;
  std::size_t next = 0;
  for (Index i = 0; i < extent; ++i) {
    if (next < removed.size() && removed[next] == i)
      ++next;
    else
      kept.push_back(i);
  }
  return kept;
}

/// What stays of a tensor, in the same memory order.
template <class S>
[[nodiscard]] named_tensor<std::remove_const_t<S>> without(const weight_view<S>& source,
                                                           const plan::tensor_slice* slice,
                                                           std::string name) {
  named_tensor<std::remove_const_t<S>> result{
      std::move(name), source.extents, source.axes, source.rank, {}};
  if (slice == nullptr) {
    result.values.assign(source.data, source.data + source.size());
    return result;
  }
  std::array<std::vector<Index>, 4> kept;
  for (std::size_t k = 0; k < 4; ++k) {
    const axis a = source.axes[k];
    static const std::vector<Index> none;
    kept[k] = remaining(source.extents[k], a == axis::out  ? slice->out
                                           : a == axis::in ? slice->in
                                                           : none);
    result.extents[k] = static_cast<Index>(kept[k].size());
  }
  // Behind the last axis that loses something, elements stay neighbours and are copied together.
  std::size_t last = 3;
  Index run = 1;
  while (last > 0 && result.extents[last] == source.extents[last]) run *= source.extents[last--];
  for (std::size_t k = last + 1; k < 4; ++k) kept[k] = {0};
  const std::vector<Index> picked = std::exchange(kept[last], {0});
  result.values.resize(static_cast<std::size_t>(result.extents[0] * result.extents[1] *
                                                result.extents[2] * result.extents[3]));
  auto* to = result.values.data();
  for (Index a : kept[0])
    for (Index b : kept[1])
      for (Index c : kept[2])
        for (Index d : kept[3]) {
          const S* const from =
              source.data +
              (((a * source.extents[1] + b) * source.extents[2] + c) * source.extents[3] + d);
          if (run == 1)
            for (Index i : picked) *to++ = from[i];
          else if (run == 9)  // kernels of 3 x 3: a length that the compiler knows
            for (Index i : picked) to = std::copy_n(from + i * 9, 9, to);
          else
            for (Index i : picked) to = std::copy_n(from + i * run, run, to);
        }
  return result;
}

/// What the removed channels added to each output of the layer of `f`, summed into `added`.
template <class S>
void add_fold(const plan::fold& f, const weight_view<const S>& weight, std::vector<double>& added) {
  const Index reads = weight.extent(axis::in), outputs = weight.extent(axis::out) / f.groups;
  const Index group = f.channel / reads;
  for (Index o = group * outputs; o < (group + 1) * outputs; ++o)
    added[static_cast<std::size_t>(o)] += f.value * kernel_sum<S>(weight, o, f.channel % reads);
}

}  // namespace detail

/// The smaller graph: every operation's smaller self, and a bias where the plan needs a new one.
/// Every record of the plan is checked against the graph before anything is made.
/// @throws argument_error (unknown_name, duplicate_name; out_of_range: cuts that do not follow from
///         the units removed), shape_error (shape_mismatch: the plan was made for other shapes),
///         value_error (not_finite)
template <class = compiled_on_use>
[[nodiscard]] graph compact(const network_structure& network, const plan& p) {
  const detail::structure_data& data = network.data();
  const detail::channel_structure& structure = data.channels;
  const resolved_graph& resolved = data.resolved;
  const detail::plan_check<> check(network, p);
  const std::vector<std::uint8_t> stays = check.units_that_stay();
  std::vector<std::uint8_t> gains_bias(resolved.nodes.size());
  for (const plan::new_tensor& t : p.new_tensors) gains_bias[check.node_with(t.weight)] = 1;
  const auto kept_of = [&](std::size_t n) {
    std::vector<std::uint8_t> kept;
    for (const Index unit : structure.unit_of[n])
      kept.push_back(stays[static_cast<std::size_t>(unit)]);
    return kept;
  };

  std::unordered_map<std::string_view, std::size_t> position;
  for (std::size_t n = 0; n < resolved.nodes.size(); ++n)
    position.emplace(resolved.nodes[n].name, n);
  graph smaller;
  for (graph_node node : data.declared.nodes()) {
    const std::size_t n = position.at(node.name);
    kept_channels kept{kept_of(n), {}, gains_bias[n] != 0};
    for (const std::size_t input : resolved.nodes[n].inputs) kept.inputs.push_back(kept_of(input));
    node.operation = node.operation.shrunk(kept);
    smaller.add_node(std::move(node));
  }
  for (const std::string& name : data.declared.outputs()) smaller.output(name);
  return smaller;
}

/// The tensors of the smaller network, in the order of the model, in the memory order of their
/// views, each copied once; new biases stand behind the weight of their layer. The model's own
/// tensors are not touched.
///
/// The model may be another one than the plan was made from, as long as the shapes agree.
/// Every record of the plan is checked against the tensors before anything is written.
/// @throws argument_error (unknown_name, duplicate_name; out_of_range: a damaged plan),
///         shape_error (shape_mismatch: the plan was made for other shapes), value_error
///         (not_finite)
template <weight_scalar S>
[[nodiscard]] named_tensors<S> compact(const model<S>& net, const plan& p,
                                       compaction_options options = {}) {
  detail::expect_plan_fits(net, p);
  struct addition {
    std::string tensor;
    double sign;
    std::vector<double> values;
  };
  std::vector<addition> additions;  // per output of the layer before cutting
  const auto addition_to = [&](const std::string& tensor, double sign,
                               Index size) -> std::vector<double>& {
    for (addition& a : additions)
      if (a.tensor == tensor) return a.values;
    return additions
        .emplace_back(addition{tensor, sign, std::vector<double>(static_cast<std::size_t>(size))})
        .values;
  };
  if (options.fold)
    for (const plan::fold& f : p.folds) {
      const weight_view<const S> weight = detail::find_weight(net, f.weight);
      // A batch normalisation subtracts its mean: a smaller mean is a larger input.
      const double sign = f.into == plan::receiver::running_mean ? -1 : 1;
      detail::add_fold(f, weight, addition_to(f.tensor, sign, weight.extent(axis::out)));
    }
  const auto apply_addition = [&](named_tensor<S>& tensor, std::string_view source, Index extent) {
    for (const addition& a : additions) {
      if (a.tensor != tensor.name) continue;
      const std::vector<Index> kept = detail::remaining(extent, detail::removed_outputs(p, source));
      for (std::size_t i = 0; i < kept.size(); ++i)
        tensor.values[i] = static_cast<S>(static_cast<double>(tensor.values[i]) +
                                          a.sign * a.values[static_cast<std::size_t>(kept[i])]);
    }
  };

  named_tensors<S> result;
  result.reserve(net.parameters().size() + p.new_tensors.size());
  for (const parameter<S>& source : net.parameters()) {
    const plan::tensor_slice* slice = p.find(source.name);
    named_tensor<S>& copy = result.emplace_back(detail::without(source.weight, slice, source.name));
    apply_addition(copy, source.name, source.weight.extent(axis::out));
    for (const plan::new_tensor& t : p.new_tensors) {
      if (source.name != t.weight) continue;
      named_tensor<S> bias{
          t.name, {1, 1, 1, t.size}, {axis::in, axis::height, axis::width, axis::out}, 1, {}};
      bias.values.resize(static_cast<std::size_t>(t.size));
      apply_addition(bias, source.name, source.weight.extent(axis::out));
      result.push_back(std::move(bias));
    }
  }
  return result;
}

/// What stays of a buffer that an optimizer keeps for parameter `name` (momentum, moments): the
/// same positions as of the parameter, unchanged values. A tensor that the plan does not cut is
/// copied whole.
/// @throws shape_error (shape_mismatch: the plan was made for other shapes),
///         argument_error (out_of_range: a damaged plan)
template <class S>
  requires weight_scalar<std::remove_const_t<S>>
[[nodiscard]] named_tensor<std::remove_const_t<S>> compact_state(const plan& p,
                                                                 std::string_view name,
                                                                 weight_view<S> state) {
  const plan::tensor_slice* slice = p.find(name);
  if (slice != nullptr) detail::expect_extents(*slice, detail::extents_of(state), "compact_state");
  return detail::without(state, slice, std::string(name));
}

}  // namespace v0
}  // namespace prunus

// SPDX-License-Identifier: MIT
#pragma once

// What a plan and the network that it leaves must keep, whatever the plan removes.

#include <prunus/structure/compaction.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/plan_text.hpp>

#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <algorithm>  // std::max
#include <cmath>      // std::abs, std::isfinite
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <string>     // std::string
#include <vector>     // std::vector

namespace support {

/// Laws that were broken, in words.
class violations {
 public:
  template <class... Parts>
  void expect(bool law, const Parts&... parts) {
    if (!law) found_.push_back(prunus::detail::concat(where_, parts...));
  }
  /// Stands in front of what is found from now on.
  void set_where(std::string where) { where_ = std::move(where); }
  [[nodiscard]] const std::vector<std::string>& found() const noexcept { return found_; }

 private:
  std::string where_;
  std::vector<std::string> found_;
};

/// The units that a plan leaves, one byte each, in the order of the couplings.
[[nodiscard]] inline std::vector<std::vector<std::uint8_t>> kept_units(
    const prunus::network_structure& network, const prunus::plan& plan) {
  std::vector<std::vector<std::uint8_t>> keep;
  for (const prunus::coupling& group : network.couplings())
    keep.emplace_back(static_cast<std::size_t>(group.units), std::uint8_t{1});
  for (const prunus::plan::removal& r : plan.removed)
    keep[static_cast<std::size_t>(network.find_coupling(r.coupling))]
        [static_cast<std::size_t>(r.unit)] = 0;
  return keep;
}

/// The compacted network is what the plan says: shapes, tensors, and costs, which are those that
/// the loops count. @returns what it computes from the inputs
inline naive::evaluation inspect_smaller(violations& laws, const random_graph::network& net,
                                         const prunus::plan& plan,
                                         const naive::named_values& inputs,
                                         prunus::Index scalar_bytes,
                                         const naive::evaluator& oracle = {}) {
  const prunus::graph smaller = prunus::compact(net.structure, plan);
  const prunus::resolved_graph resolved = prunus::resolve(smaller);
  const prunus::named_tensors<double> tensors = prunus::compact(net.model, plan);
  std::size_t declared = 0;
  for (const auto& node : resolved.nodes)
    for (const auto& p : node.parameters) {
      ++declared;
      const auto* tensor = tensors.find(p.name);
      laws.expect(tensor != nullptr && prunus::detail::extents_of(tensor->view()) == p.extents(),
                  "shrunk: compacted, ", p.name, " is not of the shape that describe tells");
    }
  laws.expect(declared == tensors.size(), "shrunk: it forgets a tensor");

  const auto keep = kept_units(net.structure, plan);
  const auto& structure = net.structure.data().channels;
  for (std::size_t n = 0; n < net.resolved.nodes.size(); ++n) {
    const auto &before = net.resolved.nodes[n].shape,
               &after = resolved.nodes[resolved.index_of(net.resolved.nodes[n].name)].shape;
    prunus::Index kept = 0;
    for (const prunus::Index unit : structure.unit_of[n]) {
      const auto u = static_cast<std::size_t>(unit);
      kept += keep[static_cast<std::size_t>(structure.coupling_of[u])]
                  [static_cast<std::size_t>(structure.number_of[u])];
    }
    laws.expect(after == prunus::tensor_shape{kept, before.height, before.width},
                "shrunk: ", net.resolved.nodes[n].name, " keeps ", kept, " channels and has ",
                after.channels);
  }

  naive::evaluation result = oracle.evaluate(smaller, naive::tensors_of(tensors), inputs);
  const prunus::cost counted{result.macs, result.trained, result.stored * scalar_bytes};
  laws.expect(plan.after == counted && prunus::cost_of(resolved, scalar_bytes) == counted,
              "compacted, it costs ", counted.macs, " multiply-adds and ", counted.parameters,
              " parameters; the plan says ", plan.after.macs, " and ", plan.after.parameters);
  prunus::cost without_new = plan.after;
  for (const prunus::plan::new_tensor& t : plan.new_tensors) {
    without_new.parameters -= t.size;
    without_new.bytes -= t.size * scalar_bytes;
  }
  const std::vector<std::span<const std::uint8_t>> kept(keep.begin(), keep.end());
  laws.expect(net.structure.cost_of_kept(kept, scalar_bytes) == without_new,
              "cost_of_kept is not the cost of what is kept");
  return result;
}

/// The masked network and its compacted twin give the same outputs, besides.
inline void inspect_compaction(violations& laws, const random_graph::network& net,
                               const prunus::plan& plan, random_source& random,
                               const naive::evaluator& oracle = {}) {
  laws.expect(prunus::load_plan(prunus::save_plan(plan)) == plan, "a saved plan is another one");
  const naive::named_values inputs = random_graph::random_inputs(net.resolved, random);
  const naive::evaluation masked = oracle.evaluate(net.graph, naive::tensors_of(net.model), inputs);
  laws.expect(plan.before == prunus::cost{masked.macs, masked.trained, masked.stored * 8},
              "describe: costs ", plan.before.macs, " multiply-adds and ", plan.before.parameters,
              " parameters; the loops count ", masked.macs, " and ", masked.trained);
  const naive::evaluation compacted = inspect_smaller(laws, net, plan, inputs, 8, oracle);
  double largest = 1e-3, worst = 0;
  bool finite = true;
  for (const auto& node : net.resolved.nodes) {
    if (!node.is_output) continue;
    const naive::values &a = masked.of(node.name), &b = compacted.of(node.name);
    laws.expect(a.size() == b.size(), "compacted, ", node.name, " has another size");
    for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
      finite = finite && std::isfinite(a[i]) && std::isfinite(b[i]);
      largest = std::max(largest, std::abs(a[i]));
      worst = std::max(worst, std::abs(a[i] - b[i]));
    }
  }
  laws.expect(finite && worst < 1e-11 * largest, "compacted, it differs by ", worst, " of ",
              largest, "\n", prunus::to_text(plan));
}

}  // namespace support

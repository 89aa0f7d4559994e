// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/structure/resolve.hpp>

#include <algorithm>    // std::find_if, std::min
#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace nn {

/// What some nodes of a network put out for some images, in inference mode: the network runs once,
/// whatever the number of nodes.
template <std::floating_point S>
class recorded_outputs {
 public:
  /// The outputs of one node.
  struct entry {
    std::string node;
    tensor_shape shape;     ///< of one sample
    std::vector<S> values;  ///< [samples, C, H, W] row-major
  };

  /// @param images [samples, C, H, W] row-major; they are run in batches of at most `batch`
  /// @throws state_error (wrong_order: the network does not keep activations), argument_error
  ///         (unknown_name; out_of_range: images, batch)
  /// Cost: one run of the network; keeps every output of the nodes
  recorded_outputs(network<S>& net, std::span<const std::string> nodes, std::span<const S> images,
                   Index batch = 64)
      : input_size_(net.input_size()), samples_(static_cast<Index>(images.size()) / input_size_) {
    if (batch < 1 || samples_ < 1 || samples_ * input_size_ != static_cast<Index>(images.size()))
      throw argument_error(errc::out_of_range,
                           prunus::detail::concat(
                               "recorded_outputs: ", images.size(), " numbers for samples of ",
                               input_size_, " in batches of ", batch, "; both must be at least 1"));
    for (const std::string& node : nodes) {
      const resolved_graph& graph = net.resolved();
      entries_.push_back({node, graph.nodes[graph.index_of(node)].shape, {}});
    }
    for (Index first = 0; first < samples_; first += batch) {
      const Index count = std::min(batch, samples_ - first);
      net.forward(images.subspan(static_cast<std::size_t>(first * input_size_),
                                 static_cast<std::size_t>(count * input_size_)),
                  count, mode::inference);
      for (entry& e : entries_) {
        const std::span<const S> now = net.activation(e.node);
        e.values.insert(e.values.end(), now.begin(), now.end());
      }
    }
  }

  /// @throws argument_error (unknown_name: not among the nodes that were recorded)
  [[nodiscard]] const entry& operator[](std::string_view node) const {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const entry& e) { return e.node == node; });
    if (found == entries_.end())
      throw argument_error(
          errc::unknown_name,
          prunus::detail::concat("recorded_outputs: ", node,
                                 " was not recorded; name it when the outputs are recorded"));
    return *found;
  }
  [[nodiscard]] Index samples() const noexcept { return samples_; }
  /// Numbers in one sample of the images.
  [[nodiscard]] Index input_size() const noexcept { return input_size_; }

 private:
  Index input_size_, samples_;
  std::vector<entry> entries_;
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus

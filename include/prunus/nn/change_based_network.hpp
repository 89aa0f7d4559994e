// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/layers/detail/change_based_kernels.hpp>
#include <prunus/nn/layers/detail/node_parameter.hpp>
#include <prunus/nn/layers/detail/pooling_layers.hpp>
#include <prunus/nn/layers/detail/weight_layers.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/runtime/change_based_convolution.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <memory>       // std::make_shared, std::shared_ptr
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace nn {

/// A convolution, with its normalisation and rectifier, or a max pooling of a change-based network.
struct change_based_layer {
  std::string name;        ///< of the node: of the convolution, or of the pooling
  bool compares = false;   ///< looks for changes with a threshold of its own
  Index positions = 0;     ///< of the output, each with all its channels
  Index dense_macs = 0;    ///< of a frame that is computed completely; 0 for a pooling
  change_statistics last;  ///< of the last frame; a pooling sees changes as its input's recomputed
};

/// A convolutional network over the frames of a video from a fixed camera, which computes only what
/// changed.
///
///     prunus::nn::network<float> net(...);  // trained; for the hybrid: pruned, compacted, tuned
///     prunus::nn::change_based_network<float> video(net, {.threshold = 0.05});
///     for (const auto& frame : frames) {
///       const std::span<const float> logits = video.forward(frame);
///       report(video.macs(), video.dense_macs());
///     }
///
/// Every convolution keeps its input and its output (see `change_based_convolution`); a position is
/// computed again where its input has changed by more than the threshold of that convolution. A
/// pooled position is looked at again where any of its inputs was recomputed; a convolution of
/// 1 x 1 behind another layer compares nothing, but recomputes what that one recomputed. With
/// thresholds of 0 the outputs are those of the network in inference mode, up to rounding. With
/// larger ones each convolution errs by a bounded amount (reference `last_used`); how the errors of
/// several add up is for `calibrate_thresholds` to find out.
///
/// The network is a chain: one input, then convolutions of one group, each with or without batch
/// normalisation and rectifier behind it, and max poolings; dropout is left out. The weights are
/// copied and the running statistics folded. One thread. No allocation after construction.
///
/// @source our reading: of Tsai, Gao, Ruan, "An effective hybrid pruning architecture of dynamic
///         convolution for surveillance videos", JVCIR 70:102798, 2020, only the title was
///         available; inherited change maps and the calibration follow Cavigelli, Benini,
///         "CBinfer: Exploiting Frame-to-Frame Locality for Faster Convolutional Network Inference
///         on Video Streams", 2018
/// @deviation everything is our reading
template <std::floating_point S>
class change_based_network {
 public:
  /// @param options of every convolution
  /// @throws argument_error (unsupported: a node that does not fit into such a chain, named, or no
  ///         convolution; out_of_range: see change_based_convolution)
  explicit change_based_network(const network<S>& net, const change_detection_options& options = {})
      : net_(chain(net).graph(), net.tensors(), {.batch = 1, .shards = 1}) {
    for (std::size_t i = 0; i < net_.resolved().nodes.size(); ++i) add(i, options);
  }

  /// Takes the next frame, channels x height x width; the first one is computed completely.
  /// @returns the outputs, valid until the next frame
  /// @throws shape_error (shape_mismatch)
  std::span<const S> forward(std::span<const S> frame) {
    if (static_cast<Index>(frame.size()) != net_.input_size())
      throw shape_error(
          errc::shape_mismatch,
          prunus::detail::concat("change_based_network.forward: a frame of ", frame.size(),
                                 " numbers; expected ", net_.input_size()));
    net_.forward(frame, 1, mode::inference);
    for (std::size_t i = 0; i < kernels_.size(); ++i) layers_[i].last = kernels_[i]->last();
    return output();
  }

  /// Forgets the video: the next frame is computed completely.
  void reset() noexcept {
    for (const auto& one : kernels_) one->reset();
  }

  /// After the last frame.
  [[nodiscard]] std::span<const S> output() const noexcept {
    return {net_.executor_.inferred(), static_cast<std::size_t>(net_.output_size())};
  }
  /// In the order in which they are computed, with what the last frame cost.
  [[nodiscard]] std::span<const change_based_layer> layers() const noexcept { return layers_; }
  /// Multiply-adds of all convolutions: of the last frame, and of one that is computed completely.
  [[nodiscard]] Index macs() const noexcept {
    Index sum = 0;
    for (const change_based_layer& one : layers_) sum += one.last.macs;
    return sum;
  }
  [[nodiscard]] Index dense_macs() const noexcept {
    Index sum = 0;
    for (const change_based_layer& one : layers_) sum += one.dense_macs;
    return sum;
  }
  /// Which positions of a layer's output the last frame recomputed, a byte for each.
  /// @throws argument_error (unknown_name)
  [[nodiscard]] std::span<const std::uint8_t> recomputed(std::string_view name) const {
    return kernels_[index_of(name)]->recomputed();
  }

  /// @throws argument_error (unknown_name; unsupported: a layer that compares nothing)
  [[nodiscard]] double threshold(std::string_view name) const {
    return comparing(name).threshold();
  }
  /// @throws as `threshold`; argument_error (out_of_range: a negative threshold or NaN)
  void set_threshold(std::string_view name, double threshold) {
    comparing(name).set_threshold(threshold);
  }
  /// The same for all convolutions that compare.
  void set_thresholds(double threshold) {
    for (const change_based_layer& one : layers_)
      if (one.compares) set_threshold(one.name, threshold);
  }

 private:
  using kernel = prunus::detail::change_based_kernel<S>;
  using convolution_kernel = prunus::detail::change_based_convolution_kernel<S>;

  template <class What>
  [[noreturn]] static void reject(std::string_view name, const What& what) {
    throw argument_error(
        errc::unsupported,
        prunus::detail::concat("change_based_network: ", name, " ", what,
                               "; use a chain of convolutions (groups = 1), each with or without "
                               "batch_norm and relu behind it, and max poolings"));
  }

  /// @returns `net`, which is such a chain
  static const network<S>& chain(const network<S>& net) {
    const std::vector<resolved_graph::node>& nodes = net.resolved().nodes;
    enum class kind : std::uint8_t { nothing, convolution, rectified, pooling } last{};
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const resolved_graph::node& node = nodes[i];
      const any_operation& op = node.operation;
      if (i > 0 && (node.inputs.size() != 1 || node.inputs.front() + 1 != i))
        reject(node.name, "is where the network branches");
      if (node.is_output != (i + 1 == nodes.size()))
        reject(node.name, node.is_output ? "is an output, but not the last node"
                                         : "is the last node, but no output");
      if (const auto* convolution = op.as<operation::convolution>()) {
        if (convolution->groups != 1) reject(node.name, "has groups");
        last = kind::convolution;
      } else if (const auto* pooling = op.as<operation::pooling>()) {
        if (pooling->function != operation::pooling_function::max)
          reject(node.name, "pools by means");
        if (last == kind::nothing) reject(node.name, "pools before the first convolution");
        last = kind::pooling;
      } else if (op.is<operation::batch_norm>()) {
        if (last != kind::convolution)
          reject(node.name, "normalises something else than a convolution");
      } else if (const auto* function = op.as<operation::activation>()) {
        if (function->function != operation::activation_function::relu)
          reject(node.name, "is another activation than relu");
        if (last != kind::convolution && last != kind::rectified)
          reject(node.name, "rectifies something else than a convolution");
        last = kind::rectified;
      } else if (i > 0 && !op.is<operation::dropout>()) {
        reject(node.name, "is another operation");
      }
    }
    if (last == kind::nothing) reject(nodes.front().name, "is read by no convolution");
    return net;
  }

  /// Lets a convolution or a pooling compute only what changed.
  void add(std::size_t at, const change_detection_options& options) {
    const resolved_graph::node& node = net_.resolved().nodes[at];
    const kernel* const before = kernels_.empty() ? nullptr : kernels_.back().get();
    change_based_layer layer{node.name, false, node.shape.plane(), 0, {}};
    if (const auto* op = node.operation.template as<operation::convolution>()) {
      const auto shape =
          prunus::detail::convolution_layer<S>::shape_of(*op, net_.resolved().input_shape(at));
      layer.compares = before == nullptr || shape.kernel_area() > 1;
      layer.dense_macs = shape.macs();
      kernels_.push_back(std::make_shared<convolution_kernel>(
          shape, prunus::detail::node_parameter(net_.model(), node, "weight")->weight.data, options,
          layer.compares ? nullptr : before));
    } else if (const auto* pool = node.operation.template as<operation::pooling>()) {
      const tensor_shape& in = net_.resolved().input_shape(at);
      kernels_.push_back(std::make_shared<prunus::detail::change_based_max_pooling_kernel<S>>(
          prunus::detail::pooling_layer<S>::shape_of(*pool, in), in.channels, *before));
    } else {
      return;
    }
    layers_.push_back(layer);
    net_.executor_.set_kernel(at, kernels_.back());
  }

  [[nodiscard]] std::size_t index_of(std::string_view name) const {
    for (std::size_t i = 0; i < layers_.size(); ++i)
      if (layers_[i].name == name) return i;
    throw argument_error(errc::unknown_name,
                         prunus::detail::concat("change_based_network: no convolution or pooling ",
                                                "is called ", name));
  }
  [[nodiscard]] convolution_kernel& comparing(std::string_view name) const {
    const std::size_t i = index_of(name);
    if (!layers_[i].compares)
      throw argument_error(
          errc::unsupported,
          prunus::detail::concat("change_based_network: ", name, " has no threshold: it recomputes",
                                 " what the layer before it recomputed"));
    return static_cast<convolution_kernel&>(*kernels_[i]);
  }

  network<S> net_;  // a copy, with kernels of its own
  std::vector<std::shared_ptr<kernel>> kernels_;
  std::vector<change_based_layer> layers_;  // of the kernels, in their order
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus

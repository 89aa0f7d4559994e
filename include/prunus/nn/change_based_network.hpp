// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/nn/layers/detail/change_based_layers.hpp>
#include <prunus/nn/layers/detail/shape_layers.hpp>
#include <prunus/nn/layers/detail/weight_layers.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/runtime/change_based_convolution.hpp>
#include <prunus/structure/operation.hpp>
#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <concepts>     // std::floating_point
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint8_t
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <variant>      // std::get_if, std::holds_alternative, std::variant, std::visit
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
      : input_size_(net.input_size()) {
    const resolved_graph& graph = net.resolved();
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const resolved_graph::node& node = graph.nodes[i];
      if (i > 0 && (node.inputs.size() != 1 || node.inputs.front() + 1 != i))
        reject(node.name, "is where the network branches");
      if (node.is_output != (i + 1 == graph.nodes.size()))
        reject(node.name, node.is_output ? "is an output, but not the last node"
                                         : "is the last node, but no output");
      if (i > 0) add(net, i, options);
    }
    if (stages_.empty()) reject(graph.nodes.front().name, "is read by no convolution");
  }

  /// Takes the next frame, channels x height x width; the first one is computed completely.
  /// @returns the outputs, valid until the next frame
  /// @throws shape_error (shape_mismatch)
  std::span<const S> forward(std::span<const S> frame) {
    if (static_cast<Index>(frame.size()) != input_size_)
      throw shape_error(errc::shape_mismatch,
                        prunus::detail::concat("change_based_network.forward: a frame of ",
                                               frame.size(), " numbers; expected ", input_size_));
    const S* x = frame.data();
    std::span<const std::uint8_t> changed;
    for (std::size_t i = 0; i < stages_.size(); ++i)
      std::visit(
          [&](auto& stage) {
            layers_[i].last = stage.forward(x, changed);
            x = stage.output().data();
            changed = stage.recomputed();
          },
          stages_[i]);
    return output();
  }

  /// Forgets the video: the next frame is computed completely.
  void reset() noexcept {
    for (any_stage& stage : stages_) std::visit([](auto& s) { s.reset(); }, stage);
  }

  /// After the last frame.
  [[nodiscard]] std::span<const S> output() const noexcept {
    return std::visit([](const auto& s) { return s.output(); }, stages_.back());
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
    return std::visit([](const auto& s) { return s.recomputed(); }, stages_[index_of(name)]);
  }

  /// @throws argument_error (unknown_name; unsupported: a layer that compares nothing)
  [[nodiscard]] double threshold(std::string_view name) const {
    return comparing(stages_[index_of(name)], name).threshold();
  }
  /// @throws as `threshold`; argument_error (out_of_range: a negative threshold or NaN)
  void set_threshold(std::string_view name, double threshold) {
    comparing(stages_[index_of(name)], name).set_threshold(threshold);
  }
  /// The same for all convolutions that compare.
  void set_thresholds(double threshold) {
    for (const change_based_layer& one : layers_)
      if (one.compares) set_threshold(one.name, threshold);
  }

 private:
  using convolution_stage = prunus::detail::change_based_convolution_layer<S>;
  using pooling_stage = prunus::detail::change_based_max_pooling<S>;
  using any_stage = std::variant<convolution_stage, pooling_stage>;

  template <class What>
  [[noreturn]] static void reject(std::string_view name, const What& what) {
    throw argument_error(
        errc::unsupported,
        prunus::detail::concat("change_based_network: ", name, " ", what,
                               "; use a chain of convolutions (groups = 1), each with or without "
                               "batch_norm and relu behind it, and max poolings"));
  }

  void add(const network<S>& net, std::size_t at, const change_detection_options& options) {
    const resolved_graph::node& node = net.resolved().nodes[at];
    const tensor_shape& in = net.resolved().input_shape(at);
    const auto values = [&](const char* suffix) -> const S* {
      const parameter<S>* found = net.model().find(node.name + suffix);
      return found == nullptr ? nullptr : found->weight.data;
    };
    auto* const before =
        stages_.empty() ? nullptr : std::get_if<convolution_stage>(&stages_.back());
    if (const auto* convolution = node.operation.as<operation::convolution>()) {
      if (convolution->groups != 1) reject(node.name, "has groups");
      const auto shape = prunus::detail::convolution_layer<S>::shape_of(*convolution, in);
      const bool compares = stages_.empty() || shape.kernel_area() > 1;
      stages_.emplace_back(
          convolution_stage(shape, values(".weight"), values(".bias"), options, compares));
      layers_.push_back({node.name, compares, node.shape.plane(), shape.macs(), {}});
    } else if (const auto* pooling = node.operation.as<operation::pooling>()) {
      if (pooling->function != operation::pooling::kind::max) reject(node.name, "pools by means");
      if (stages_.empty()) reject(node.name, "pools before the first convolution");
      stages_.emplace_back(
          pooling_stage(prunus::detail::pooling_layer<S>::shape_of(*pooling, in), in.channels));
      layers_.push_back({node.name, false, node.shape.plane(), 0, {}});
    } else if (const auto* norm = node.operation.as<operation::batch_norm>()) {
      if (before == nullptr || before->rectified())
        reject(node.name, "normalises something else than a convolution");
      before->normalize(values(".weight"), values(".bias"), values(".running_mean"),
                        values(".running_var"), norm->epsilon);
    } else if (const auto* function = node.operation.as<operation::activation>()) {
      if (function->function != operation::activation::kind::relu)
        reject(node.name, "is another activation than relu");
      if (before == nullptr) reject(node.name, "rectifies something else than a convolution");
      before->rectify();
    } else if (!node.operation.is<operation::dropout>()) {
      reject(node.name, "is another operation");
    }
  }

  [[nodiscard]] std::size_t index_of(std::string_view name) const {
    for (std::size_t i = 0; i < layers_.size(); ++i)
      if (layers_[i].name == name) return i;
    throw argument_error(errc::unknown_name,
                         prunus::detail::concat("change_based_network: no convolution or pooling ",
                                                "is called ", name));
  }
  template <class Stage>  // const or not
  [[nodiscard]] static auto& comparing(Stage& stage, std::string_view name) {
    auto* const convolution = std::get_if<convolution_stage>(&stage);
    if (convolution == nullptr || !convolution->compares())
      throw argument_error(
          errc::unsupported,
          prunus::detail::concat("change_based_network: ", name, " has no threshold: it recomputes",
                                 " what the layer before it recomputed"));
    return *convolution;
  }

  Index input_size_;
  std::vector<any_stage> stages_;
  std::vector<change_based_layer> layers_;  // of the stages, in their order
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus

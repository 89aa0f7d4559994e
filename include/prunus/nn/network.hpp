// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_tensors.hpp>
#include <prunus/core/view.hpp>
#include <prunus/nn/executor/detail/graph_executor.hpp>
#include <prunus/nn/executor/detail/parameter_store.hpp>
#include <prunus/nn/layers/inference_kernel.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/resolve.hpp>

#include <Eigen/Core>

#include <algorithm>    // std::copy_n, std::find
#include <cmath>        // std::floor
#include <concepts>     // std::floating_point, std::same_as
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <memory>       // std::make_shared, std::shared_ptr
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace nn {

/// How a forward pass treats batch normalisation and dropout.
enum class mode : std::uint8_t { training, inference };

struct network_options {
  std::uint64_t seed = 1;  ///< of the initial weights and of dropout
  Index threads = 1;       ///< that work on a batch, the caller included
  Index batch =
      0;  ///< samples to make room for at once; more room is made when a larger batch comes
  Index shards = 8;  ///< parts of a batch, the tasks of the threads; sums are formed in their order
  bool keep_activations =
      false;  ///< nothing is fused or computed in place, so that `activation` knows every node
  std::vector<std::string> inner_losses{};  ///< nodes with a loss of their own, see
                                            ///< `inner_gradient`; implies keep_activations
};

template <std::floating_point S>
class change_based_network;

/// A declared graph with weights: it runs forwards and backwards on the CPU. For examples, tests
/// and measurements.
///
///     prunus::nn::network<float> net(prunus::nn::lenet({1, 28, 28}, 10), {.threads = 2});
///     auto logits = net.forward(images, 128, prunus::nn::mode::inference);  // 128 x 10
///
/// The network owns its weights, gradients and activations. `model()` shows them as the model
/// that pruning works on, under the names of the graph and with the couplings that follow from it;
/// their addresses never change, so the
/// network can be neither copied nor moved.
///
/// Results are a function of the weights, the batch, the seed and `shards`; the number of threads
/// does not matter. After the first batch of a size no call of forward or backward allocates.
template <std::floating_point S>
class network {
  friend class change_based_network<S>;  // gives layers kernels that remember the last frame

 public:
  using Scalar = S;
  /// One row for each sample.
  using output_view =
      Eigen::Map<const Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

  /// Weights are drawn by `he_normal`, biases and shifts are 0, scales 1.
  /// @throws what `resolve` throws; argument_error (unsupported: several outputs, an inner loss
  /// without parameters before it; out_of_range: threads, shards, batch; unknown_name: of an inner
  /// loss)
  explicit network(network_structure declared, const network_options& options = {})
      : structure_(std::move(declared)),
        resolved_(structure_.resolved()),
        options_(checked(options)),
        input_size_(only_input_size(resolved_)),
        store_(resolved_),
        model_(store_.make_model()),
        executor_(make_executor()) {
    store_.initialize(options.seed);
    model_.couple(structure_.couplings());
    if (options.batch > 0) executor_.reserve(options.batch, false);
  }

  /// A network with given tensors: what compaction returned, or what was saved.
  /// @throws as above; argument_error (unknown_name: a tensor that the graph does not declare, or
  /// the other way round),
  ///         shape_error (shape_mismatch)
  template <std::same_as<named_tensors<S>> Tensors>  // a template, so that {...} means options
  network(network_structure declared, const Tensors& tensors, const network_options& options = {})
      : network(std::move(declared), options) {
    for (const named_tensor<S>& tensor : tensors) assign(tensor.name, tensor.view());
    for (const parameter<S>& p : model_.parameters()) {
      bool given = false;
      for (const named_tensor<S>& tensor : tensors) given = given || tensor.name == p.name;
      if (!given)
        throw argument_error(
            errc::unknown_name,
            prunus::detail::concat("network: the graph declares ", p.name,
                                   ", which is not among the ", tensors.size(), " tensors"));
    }
  }

  network(const network&) = delete;
  network& operator=(const network&) = delete;

  [[nodiscard]] const network_structure& structure() const noexcept { return structure_; }
  [[nodiscard]] const prunus::graph& graph() const noexcept { return structure_.declared(); }
  [[nodiscard]] const resolved_graph& resolved() const noexcept { return resolved_; }
  [[nodiscard]] Index threads() const noexcept { return executor_.threads(); }
  /// Numbers of one sample that go in, and that come out.
  [[nodiscard]] Index input_size() const noexcept { return input_size_; }
  [[nodiscard]] Index output_size() const noexcept { return executor_.output().size(); }
  /// What comes out of one sample: classes x 1 x 1, or classes x height x width.
  [[nodiscard]] const tensor_shape& output_shape() const noexcept {
    return executor_.output().shape;
  }

  /// Views on weights, gradients and the optimizer's state, in the order of the graph. Running
  /// statistics are among them and not prunable.
  [[nodiscard]] prunus::model<S>& model() noexcept { return model_; }
  [[nodiscard]] const prunus::model<S>& model() const noexcept { return model_; }

  /// Copies values into a parameter; `values` may have another memory order.
  /// @throws argument_error (unknown_name), shape_error (shape_mismatch)
  void assign(std::string_view name, weight_view<const S> values) {
    const weight_view<S>& to = model_[name].weight;
    for (axis a : {axis::out, axis::in, axis::height, axis::width})
      if (values.empty() || to.extent(a) != values.extent(a))
        throw shape_error(errc::shape_mismatch,
                          prunus::detail::concat("network.assign: ", name, " is ", describe(to),
                                                 ", the values are ", describe(values)));
    for (Index o = 0; o < to.extent(axis::out); ++o)
      for (Index i = 0; i < to.extent(axis::in); ++i)
        for (Index h = 0; h < to.extent(axis::height); ++h)
          for (Index w = 0; w < to.extent(axis::width); ++w) to(o, i, h, w) = values(o, i, h, w);
  }

  /// Copies of all parameters and running statistics.
  [[nodiscard]] named_tensors<S> tensors() const {
    named_tensors<S> result;
    for (const parameter<S>& p : model_.parameters())
      result.push_back({p.name, p.weight.extents, p.weight.axes, p.weight.rank,
                        std::vector<S>(p.weight.data, p.weight.data + p.weight.size())});
    return result;
  }

  /// Lets another kernel compute a convolution or a linear layer at inference, or, with null, the
  /// network's own again. The kernel has the weights that it was made with; the next forward pass
  /// in training mode therefore takes all such kernels away.
  /// @throws argument_error (unknown_name; unsupported: a node without weights to multiply with)
  void set_inference_kernel(std::string_view layer,
                            const std::shared_ptr<const inference_kernel<S>>& kernel) {
    const std::size_t node = resolved_.index_of(layer);
    std::shared_ptr<prunus::detail::user_kernel<S>> adapted;
    if (kernel != nullptr) adapted = std::make_shared<prunus::detail::user_kernel<S>>(kernel);
    if (resolved_.nodes[node].parameters.empty() || !executor_.set_kernel(node, adapted))
      throw argument_error(errc::unsupported,
                           prunus::detail::concat("network.set_inference_kernel: ", layer,
                                                  " is neither a convolution nor a linear layer"));
    has_kernels_ = has_kernels_ || kernel != nullptr;
  }

  /// Computes the outputs of `batch` samples, which lie one after the other as the graph's input
  /// says. In training mode the running statistics move on and everything `backward` needs is kept.
  /// @returns a view that is valid until the next call
  /// @throws argument_error (out_of_range: batch < 1; a token that an embedding has not; in
  /// training also a batch normalisation that sees one value),
  ///         shape_error (shape_mismatch: images of another size)
  output_view forward(std::span<const S> images, Index batch, mode how) {
    check_images(images, batch, how);
    executor_.reserve(batch, how == mode::training);
    if (how == mode::training && has_kernels_) {
      executor_.restore_kernels();
      has_kernels_ = false;
    }
    batch_ = batch;
    differentiable_ = how == mode::training ? batch : 0;
    executor_.forward(images.data(), batch, how == mode::training, steps_);
    if (how == mode::training) ++steps_;
    return output_view(how == mode::training ? executor_.output().value : executor_.inferred(),
                       batch, output_size());
  }

  /// Where `backward` expects the gradient of the outputs of the last training batch: batch x
  /// output_size().
  /// @throws state_error (wrong_order) without such a batch
  [[nodiscard]] std::span<S> output_gradient() {
    check_differentiable("output_gradient");
    return {executor_.output().gradient, static_cast<std::size_t>(differentiable_ * output_size())};
  }

  /// Computes the gradients of all parameters from `output_gradient()`, overwriting the previous
  /// ones.
  /// @throws state_error (wrong_order) unless a forward pass in training mode came directly before
  void backward() {
    check_differentiable("backward");
    executor_.backward(differentiable_, steps_ - 1);
    differentiable_ = 0;
  }
  /// The same with a gradient that lies elsewhere.
  /// @throws shape_error (shape_mismatch)
  void backward(std::span<const S> gradient) {
    const std::span<S> to = output_gradient();
    if (gradient.size() != to.size())
      throw shape_error(
          errc::shape_mismatch,
          prunus::detail::concat("network.backward: the gradient has ", gradient.size(),
                                 " numbers, the outputs had ", to.size()));
    std::copy_n(gradient.data(), gradient.size(), to.data());
    backward();
  }

  /// Where the gradient of a node's own loss goes, one of the option `inner_losses`: batch x the
  /// node's numbers, sample after sample. A forward pass in training mode sets it to zero, and
  /// `backward` adds to it what comes from the output.
  ///
  ///     prunus::nn::network<float> net(graph, {.inner_losses = {"block1.relu"}});
  ///
  /// @throws state_error (wrong_order) unless a forward pass in training mode came directly before,
  /// argument_error (unknown_name: another node)
  [[nodiscard]] std::span<S> inner_gradient(std::string_view node) {
    check_differentiable("inner_gradient");
    if (std::find(options_.inner_losses.begin(), options_.inner_losses.end(), node) ==
        options_.inner_losses.end())
      throw argument_error(errc::unknown_name,
                           prunus::detail::concat("network.inner_gradient: ", node,
                                                  " is not among the inner_losses of the options"));
    const prunus::detail::layer_port<S>& port = executor_.result(resolved_.index_of(node));
    return {port.gradient, static_cast<std::size_t>(differentiable_ * port.size())};
  }

  /// What a node computed in the last forward pass, sample after sample, and the gradient of it
  /// that the last backward pass found. Needs the option `keep_activations`.
  /// @throws argument_error (unknown_name), state_error (wrong_order: option not set, or no pass
  /// yet)
  [[nodiscard]] std::span<const S> activation(std::string_view node) const {
    return kept(node, false);
  }
  [[nodiscard]] std::span<const S> activation_gradient(std::string_view node) const {
    return kept(node, true);
  }

  /// Forward passes in training mode so far: dropout is a function of it. Set it to resume a run
  /// exactly.
  [[nodiscard]] std::uint64_t training_passes() const noexcept { return steps_; }
  void set_training_passes(std::uint64_t passes) noexcept { steps_ = passes; }

  /// Gives every trainable parameter `slots` buffers of its shape for an optimizer, all zero, and
  /// shows them in `model()` as `options.state`; buffers given before are gone. Optimizers
  /// call it.
  void allocate_state(Index slots) { model_ = store_.with_state(model_, slots); }

 private:
  static network_options checked(network_options options) {
    if (options.threads < 1 || options.shards < 1 || options.batch < 0)
      throw argument_error(
          errc::out_of_range,
          prunus::detail::concat(
              "network: ", options.threads, " threads, ", options.shards, " shards and room for ",
              options.batch, " samples; the first two must be at least 1, the last not negative"));
    options.keep_activations = options.keep_activations || !options.inner_losses.empty();
    return options;
  }
  [[nodiscard]] prunus::detail::graph_executor<S> make_executor() const {
    prunus::detail::executor_options how{options_.threads, options_.shards,
                                         !options_.keep_activations};
    for (const std::string& name : options_.inner_losses)
      how.inner_losses.push_back(resolved_.index_of(name));
    prunus::detail::gradient_shares<S> shares(options_.shards);
    auto layers = prunus::detail::make_layers<S>(resolved_, model_, shares, options_.seed);
    return prunus::detail::graph_executor<S>(resolved_, std::move(layers), std::move(shares),
                                             std::move(how));
  }
  [[nodiscard]] static Index only_input_size(const resolved_graph& graph) {
    Index size = 0, inputs = 0;
    for (const resolved_graph::node& node : graph.nodes)
      if (node.operation.is<operation::input>()) size = node.shape.size(), ++inputs;
    if (inputs != 1)
      throw argument_error(
          errc::unsupported,
          prunus::detail::concat("network: the graph has ", inputs, " inputs; a network has one"));
    return size;
  }

  void check_images(std::span<const S> images, Index batch, mode how) const {
    const Index size = static_cast<Index>(images.size());
    if (batch < 1)
      throw argument_error(errc::out_of_range,
                           prunus::detail::concat("network.forward: a batch of ", batch,
                                                  " samples; it needs at least 1"));
    if (size != batch * input_size_)
      throw shape_error(
          errc::shape_mismatch,
          prunus::detail::concat("network.forward: ", size, " numbers for ", batch, " samples of ",
                                 input_size_, "; expected ", batch * input_size_));
    for (const resolved_graph::node& node : resolved_.nodes)
      if (const auto* table = node.operation.as<operation::embedding>())
        check_tokens(node.name, images, table->vocabulary);
    for (std::size_t i = 0; how == mode::training && batch == 1 && i < resolved_.nodes.size(); ++i)
      if (resolved_.nodes[i].operation.is<operation::batch_norm>() &&
          resolved_.nodes[i].shape.plane() == 1)
        throw argument_error(
            errc::out_of_range,
            prunus::detail::concat(
                "network.forward: ", resolved_.nodes[i].name,
                " would normalise a single value; train it with 2 samples or more"));
  }
  static void check_tokens(std::string_view node, std::span<const S> tokens, Index vocabulary) {
    for (const S& token : tokens)
      if (!(token >= 0 && token < static_cast<S>(vocabulary)) || token != std::floor(token))
        throw argument_error(
            errc::out_of_range,
            prunus::detail::concat("network.forward: ", node, " reads token ", token, " at place ",
                                   &token - tokens.data(), "; expected a whole number from 0 to ",
                                   vocabulary - 1));
  }
  void check_differentiable(std::string_view where) const {
    if (differentiable_ == 0)
      throw state_error(
          errc::wrong_order,
          prunus::detail::concat("network.", where, ": call forward in training mode first"));
  }

  [[nodiscard]] std::span<const S> kept(std::string_view node, bool gradient) const {
    const std::size_t i = resolved_.index_of(node);
    const prunus::detail::layer_port<S>& port = executor_.result(i);
    const S* data = gradient ? port.gradient : port.value;
    if (!options_.keep_activations || data == nullptr || batch_ == 0)
      throw state_error(
          errc::wrong_order,
          prunus::detail::concat("network: the ", gradient ? "gradient" : "value", " of ", node,
                                 " is not there; set keep_activations and run the network first"));
    return {data, static_cast<std::size_t>(batch_ * port.size())};
  }

  network_structure structure_;
  const resolved_graph& resolved_;  // of the structure
  network_options options_;
  Index input_size_;
  prunus::detail::parameter_store<S> store_;
  prunus::model<S> model_;
  prunus::detail::graph_executor<S> executor_;
  bool has_kernels_ = false;  // that compute a layer at inference in its place
  std::uint64_t steps_ = 0;
  Index batch_ = 0;           // of the last forward pass
  Index differentiable_ = 0;  // of the last forward pass when backward may follow, else 0
};

}  // namespace nn
}  // namespace v0
}  // namespace prunus

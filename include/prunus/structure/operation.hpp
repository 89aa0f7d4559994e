// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <array>    // std::array
#include <cstdint>  // std::uint8_t
#include <variant>  // std::variant

namespace prunus {
inline namespace v0 {

using Eigen::Index;

/// What flows along an edge of the graph, for one sample: channels x height x width. A vector is
/// channels x 1 x 1.
struct tensor_shape {
  Index channels = 1;
  Index height = 1;
  Index width = 1;

  [[nodiscard]] constexpr Index plane() const noexcept { return height * width; }
  [[nodiscard]] constexpr Index size() const noexcept { return channels * plane(); }
  friend constexpr bool operator==(const tensor_shape&, const tensor_shape&) = default;
};

/// A number of rows and of columns; one number stands for both.
struct extent2 {
  Index height = 1;
  Index width = 1;

  constexpr extent2() = default;
  constexpr extent2(Index both)
      : height(both), width(both) {}  // NOLINT(google-explicit-constructor): kernel = 3
  constexpr extent2(Index rows, Index columns) : height(rows), width(columns) {}
  [[nodiscard]] constexpr Index area() const noexcept { return height * width; }
  friend constexpr bool operator==(const extent2&, const extent2&) = default;
};

/// The operations of a declared graph, each with the attributes that decide its shapes.
/// Weights have PyTorch's shapes: convolution O x I/groups x H x W, linear O x I; all tensors are
/// channels-first.
namespace operation {

/// What the network is given.
struct input {
  tensor_shape shape;
};
/// 2-D cross-correlation with zero padding; groups == channels is depth-wise.
/// Parameters: weight, and bias when asked for.
struct convolution {
  Index out_channels = 0;
  extent2 kernel = 1;
  extent2 stride = 1;
  extent2 padding = 0;
  Index groups = 1;
  bool bias = true;
};
/// Matrix product over the channels, at every position alike. Parameters: weight, and bias when
/// asked for.
struct linear {
  Index out_features = 0;
  bool bias = true;
};
/// Batch normalisation over each channel. Parameters: weight (scale), bias (shift), running_mean,
/// running_var.
struct batch_norm {
  double epsilon = 1e-5;
  double momentum = 0.1;  ///< weight of the new batch in the running statistics
};
/// Normalisation over the channels of each position. Parameters: weight (scale), bias (shift).
struct layer_norm {
  double epsilon = 1e-5;
};
/// A function of each value.
struct activation {
  enum class kind : std::uint8_t {
    identity,
    relu,
    leaky_relu,
    relu6,
    sigmoid,
    tanh,
    silu,
    gelu,
    hard_swish
  };
  kind function = kind::relu;
  double slope = 0.01;  ///< of leaky_relu below zero
};
/// Element-wise sum of two or more tensors of one shape.
struct add {};
/// Element-wise product of two or more tensors; a channels x 1 x 1 factor is spread over the plane.
struct multiply {};
/// Channels of the inputs one after the other.
struct concat {};
/// Channels of zeros in front of those of the input and behind them.
struct pad_channels {
  Index before = 0;
  Index after = 0;
};
/// C x H x W to a vector of C*H*W: channel after channel, or position after position where
/// channels_last.
struct flatten {
  bool channels_last = false;
};
/// Largest or mean value of each window. Zero padding counts in the mean (as PyTorch's default),
/// never in the maximum.
struct pooling {
  enum class kind : std::uint8_t { max, average };
  kind function = kind::max;
  extent2 kernel = 2;
  extent2 stride = 2;
  extent2 padding = 0;
};
/// Largest or mean value of each plane: C x H x W to C x 1 x 1.
struct global_pooling {
  pooling::kind function = pooling::kind::average;
};
/// Nearest-neighbour enlargement by a whole factor.
struct upsampling {
  extent2 factor = 2;
};
/// C x H x W to heads x (C/heads * H) x W: each head's features become one channel's rows.
struct split_heads {
  Index heads = 1;
};
/// The inverse of split_heads: heads x (D*H) x W to (heads * D) x H x W.
struct merge_heads {
  Index features = 1;  ///< D, the features of one head
};
/// Scaled dot-product attention over the positions of the plane. Inputs query, key and value, whose
/// channels are `heads` times D, D and E features, head after head; query may have other positions
/// than key and value. Of each head softmax(q k^T / sqrt(D)) v, so heads x E channels at the
/// positions of the query. No parameters: projections are linear layers.
/// Source: A. Vaswani et al., "Attention Is All You Need", 2017, arXiv:1706.03762, equation 1.
struct attention {
  Index heads = 1;
};
/// Token numbers, 1 x H x W whole numbers that an input of the network holds, to `features`
/// channels a position: a table of one row a token. Parameter: weight, vocabulary x features.
struct embedding {
  Index vocabulary = 0;
  Index features = 0;
};
/// Adds a learned vector to every position of the plane. Parameter: weight, positions x channels.
struct position_embedding {};
/// Zeroes values with probability `rate` while training and scales the others by 1/(1-rate);
/// nothing at inference.
struct dropout {
  double rate = 0.5;
};

}  // namespace operation

/// Any operation of a graph.
struct any_operation
    : std::variant<operation::input, operation::convolution, operation::linear,
                   operation::batch_norm, operation::layer_norm, operation::activation,
                   operation::add, operation::multiply, operation::concat, operation::pad_channels,
                   operation::flatten, operation::pooling, operation::global_pooling,
                   operation::upsampling, operation::split_heads, operation::merge_heads,
                   operation::attention, operation::embedding, operation::position_embedding,
                   operation::dropout> {
  using variant::variant;

  /// The operation itself where it is an O, else null.
  template <class O>
  [[nodiscard]] const O* as() const noexcept {
    return std::get_if<O>(this);
  }
  template <class O>
  [[nodiscard]] O* as() noexcept {
    return std::get_if<O>(this);
  }
  template <class O>
  [[nodiscard]] bool is() const noexcept {
    return std::holds_alternative<O>(*this);
  }
};

}  // namespace v0
}  // namespace prunus

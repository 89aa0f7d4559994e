// SPDX-License-Identifier: MIT
#pragma once

// Door to the small network that trains on a CPU.

#include <prunus/nn/adapters/calibrate_thresholds.hpp>
#include <prunus/nn/adapters/observe.hpp>
#include <prunus/nn/adapters/observe_correlation.hpp>
#include <prunus/nn/adapters/reconstruct_layer.hpp>
#include <prunus/nn/adapters/recorded_outputs.hpp>
#include <prunus/nn/adapters/sparse_inference.hpp>
#include <prunus/nn/architectures/lenet.hpp>
#include <prunus/nn/architectures/pytorch_names.hpp>
#include <prunus/nn/architectures/resnet.hpp>
#include <prunus/nn/architectures/small_cnn.hpp>
#include <prunus/nn/architectures/small_vgg.hpp>
#include <prunus/nn/architectures/transformer.hpp>
#include <prunus/nn/architectures/unet.hpp>
#include <prunus/nn/change_based_network.hpp>
#include <prunus/nn/gated_network.hpp>
#include <prunus/nn/initialization.hpp>
#include <prunus/nn/layers/inference_kernel.hpp>
#include <prunus/nn/network.hpp>
#include <prunus/nn/random.hpp>
#include <prunus/nn/training/adam.hpp>
#include <prunus/nn/training/distillation.hpp>
#include <prunus/nn/training/gated_loss.hpp>
#include <prunus/nn/training/gated_training.hpp>
#include <prunus/nn/training/hard_samples.hpp>
#include <prunus/nn/training/hint_loss.hpp>
#include <prunus/nn/training/learning_rate.hpp>
#include <prunus/nn/training/minibatches.hpp>
#include <prunus/nn/training/optimizer.hpp>
#include <prunus/nn/training/sgd.hpp>
#include <prunus/nn/training/softmax_cross_entropy.hpp>
#include <prunus/nn/training/training.hpp>

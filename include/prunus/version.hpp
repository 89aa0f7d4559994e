// SPDX-License-Identifier: MIT
#pragma once

// The one place where the version lives; CMake reads it from here.
#define PRUNUS_VERSION_MAJOR 0
#define PRUNUS_VERSION_MINOR 1
#define PRUNUS_VERSION_PATCH 0

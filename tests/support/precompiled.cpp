// SPDX-License-Identifier: MIT
// A source for the target that owns the precompiled headers of the tests.

// The parts that the files of this folder add to pellucid._core.
#pragma once

#include <nanobind/nanobind.h>

void bind_augment(nanobind::module_& module);
void bind_executor(nanobind::module_& module);
void bind_quick(nanobind::module_& module);
void bind_shuffle(nanobind::module_& module);

#!/usr/bin/python3
"""A step of every recipe for CIFAR-10 and ImageNet as a user runs it, on small generated images; the ImageNet networks
from a folder of pictures and with every product computed twice, as scripts/try_imagenet_networks does at full size. The
shipped studies: all of their points are valid.

    recipes_test.py PRECSIM"""

import json
import re
import subprocess
import sys

import program
from program import ROOT, ProgramTest, is_sanitized

TWO_IMAGES = {"data.test_size": 2, "train.batch": 2, "train.eval_batch": 2, "train.max_steps": 1, "run.threads": 1}
SYNTHETIC = {"data.name": "synthetic", "data.classes": 10, "data.train_size": 2, "data.image_size": 32}
SIZE = 80  # of a side of the ImageNet networks' images
IN_FP32_TOO = ("googlenet_v1", "resnet50")  # the others have too many weights for a test of seconds


class RecipesTest(ProgramTest):
    def step(self, recipe, values: dict):
        words = ["--json", "--quiet", "--config", str(recipe), *program.settings({**TWO_IMAGES, **values})]
        figures = json.loads(self.assert_runs("train", *words).stdout)
        self.assertEqual((figures["steps"], figures["outcome"]), (1, "finished"))

    def recipes(self, kind: str) -> list:
        found = sorted(ROOT.glob(f"experiments/*_{kind}_*.ini"))
        self.assertEqual(len(found), 4)
        return found

    def test_every_cifar10_recipe_takes_a_step(self):
        for path in self.recipes("cifar10"):
            with self.subTest(path.stem):
                self.step(path, {**SYNTHETIC, "run.engine": "check" if "dfp16" in path.stem else "native"})

    def test_every_imagenet_recipe_takes_a_step_on_a_folder_of_pictures(self):
        subprocess.run([sys.executable, ROOT / "scripts/make_image_folder", self.folder / "pictures", "--classes", "2",
                        "--train", "1", "--val", "1", "--size", str(SIZE)], check=True)
        pictures = {"data.path": self.folder / "pictures", "data.image_size": SIZE}
        for path in self.recipes("imagenet"):
            engine = "native" if is_sanitized() and "alexnet" not in path.stem else "check"  # minutes under sanitizers
            in_fp32_too = path.stem.startswith(IN_FP32_TOO) and not is_sanitized()
            for plan in ("dfp16_paper", "fp32") if in_fp32_too else ("dfp16_paper",):
                with self.subTest(path.stem, plan=plan):
                    self.step(path, {**pictures, "plan.name": plan, "run.engine": engine})

    def test_every_study_has_valid_points(self):
        found = sorted(path for path in ROOT.glob("experiments/studies/*.ini") if path.stem != "cnn_cifar10")
        self.assertEqual([path.stem for path in found],
                         ["accumulator", "accumulator_overflow", "exponents", "formats", "granularity", "rounding"])
        for path in found:
            with self.subTest(path.stem):
                text = self.assert_runs("study", path, "--out", path.stem, "--dry-run").stdout
                runs, points = map(int, re.search(r"(?m)^(\d+) runs of (\d+) points, \1 waiting$", text).groups())
                self.assertGreater(points, 10)
                self.assertEqual(runs, 3 * points)


if __name__ == "__main__":
    program.main()

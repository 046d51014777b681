#!/usr/bin/python3
"""A step of every recipe for CIFAR-10 and ImageNet as a user runs it, on small generated images.

    recipes_test.py PRECSIM"""

import json

import program
from program import ROOT, ProgramTest

TWO_IMAGES = {"data.name": "synthetic", "data.classes": 10, "data.train_size": 2, "data.test_size": 2, "train.batch": 2,
              "train.eval_batch": 2, "train.max_steps": 1, "run.threads": 1}
CHECKED = ("resnet20_cifar10_dfp16", "alexnet_imagenet_dfp16")  # by both engines


class RecipesTest(ProgramTest):
    def test_every_recipe_takes_a_step(self):
        recipes = sorted(path for kind in ("cifar10", "imagenet") for path in ROOT.glob(f"experiments/*_{kind}_*.ini"))
        self.assertEqual(len(recipes), 8)
        for path in recipes:
            with self.subTest(path.stem):
                values = TWO_IMAGES | {"data.image_size": 32 if "cifar10" in path.stem else 80,
                                       "run.engine": "check" if path.stem in CHECKED else "native"}
                words = ["--json", "--quiet", "--config", str(path), *program.settings(values)]
                figures = json.loads(self.assert_runs("train", *words).stdout)
                self.assertEqual(figures["steps"], 1)
                self.assertEqual(figures["outcome"], "finished")


if __name__ == "__main__":
    program.main()

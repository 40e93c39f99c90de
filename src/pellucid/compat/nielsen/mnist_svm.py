"""Nielsen's stronger baseline: a support vector machine by scikit-learn, on MNIST.

Source: M. Nielsen, Neural Networks and Deep Learning, chapter 1.
"""

from pellucid.compat.nielsen import mnist_loader
from pellucid.compat.switch import NotProvided, is_faithful


def svm_baseline() -> None:
    """Trains svm.SVC() on the 50,000 training images, which takes minutes, and prints how many of 10,000 are right.

    Faithful to the text, with gamma = 1/784 as scikit-learn had it then: 9435; its default has since become better.
    """
    try:
        from sklearn import svm
    except ModuleNotFoundError:
        raise NotProvided("mnist_svm needs scikit-learn: pip install 'pellucid[sklearn]'.", name="sklearn") from None
    (images, digits), _, (test_images, test_digits) = mnist_loader.load_data()
    classifier = svm.SVC(gamma="auto") if is_faithful() else svm.SVC()
    classifier.fit(images, digits)
    right = int((classifier.predict(test_images) == test_digits).sum())
    print("Baseline classifier using an SVM.")
    print(f"{right} of {len(test_digits)} values correct.")


if __name__ == "__main__":
    svm_baseline()
